;;! invoke: big 0
;;! invoke: big 1
;;! invoke: big 149
;;! invoke: big 299
;;! invoke: big 300
;;! invoke: big -1
;;! invoke: big 0x80000000
;;! invoke: with_value 0
;;! invoke: with_value 1
;;! invoke: with_value 2
;;! invoke: with_value -1
;;! invoke: only_default 0
;;! invoke: only_default 5
;;! invoke: repeated 0
;;! invoke: repeated 1
;;! invoke: repeated 2
;;! invoke: repeated 3
;;! invoke: to_loop 5

(module
  ;; 300 targets: case i gives 3 * i + 1, the default -1.
  (func (export "big") (param i32) (result i32)
    (block $default
    (block $299    (block $298    (block $297    (block $296
    (block $295    (block $294    (block $293    (block $292    (block $291    (block $290    (block $289    (block $288
    (block $287    (block $286    (block $285    (block $284    (block $283    (block $282    (block $281    (block $280
    (block $279    (block $278    (block $277    (block $276    (block $275    (block $274    (block $273    (block $272
    (block $271    (block $270    (block $269    (block $268    (block $267    (block $266    (block $265    (block $264
    (block $263    (block $262    (block $261    (block $260    (block $259    (block $258    (block $257    (block $256
    (block $255    (block $254    (block $253    (block $252    (block $251    (block $250    (block $249    (block $248
    (block $247    (block $246    (block $245    (block $244    (block $243    (block $242    (block $241    (block $240
    (block $239    (block $238    (block $237    (block $236    (block $235    (block $234    (block $233    (block $232
    (block $231    (block $230    (block $229    (block $228    (block $227    (block $226    (block $225    (block $224
    (block $223    (block $222    (block $221    (block $220    (block $219    (block $218    (block $217    (block $216
    (block $215    (block $214    (block $213    (block $212    (block $211    (block $210    (block $209    (block $208
    (block $207    (block $206    (block $205    (block $204    (block $203    (block $202    (block $201    (block $200
    (block $199    (block $198    (block $197    (block $196    (block $195    (block $194    (block $193    (block $192
    (block $191    (block $190    (block $189    (block $188    (block $187    (block $186    (block $185    (block $184
    (block $183    (block $182    (block $181    (block $180    (block $179    (block $178    (block $177    (block $176
    (block $175    (block $174    (block $173    (block $172    (block $171    (block $170    (block $169    (block $168
    (block $167    (block $166    (block $165    (block $164    (block $163    (block $162    (block $161    (block $160
    (block $159    (block $158    (block $157    (block $156    (block $155    (block $154    (block $153    (block $152
    (block $151    (block $150    (block $149    (block $148    (block $147    (block $146    (block $145    (block $144
    (block $143    (block $142    (block $141    (block $140    (block $139    (block $138    (block $137    (block $136
    (block $135    (block $134    (block $133    (block $132    (block $131    (block $130    (block $129    (block $128
    (block $127    (block $126    (block $125    (block $124    (block $123    (block $122    (block $121    (block $120
    (block $119    (block $118    (block $117    (block $116    (block $115    (block $114    (block $113    (block $112
    (block $111    (block $110    (block $109    (block $108    (block $107    (block $106    (block $105    (block $104
    (block $103    (block $102    (block $101    (block $100    (block $99    (block $98    (block $97    (block $96
    (block $95    (block $94    (block $93    (block $92    (block $91    (block $90    (block $89    (block $88
    (block $87    (block $86    (block $85    (block $84    (block $83    (block $82    (block $81    (block $80
    (block $79    (block $78    (block $77    (block $76    (block $75    (block $74    (block $73    (block $72
    (block $71    (block $70    (block $69    (block $68    (block $67    (block $66    (block $65    (block $64
    (block $63    (block $62    (block $61    (block $60    (block $59    (block $58    (block $57    (block $56
    (block $55    (block $54    (block $53    (block $52    (block $51    (block $50    (block $49    (block $48
    (block $47    (block $46    (block $45    (block $44    (block $43    (block $42    (block $41    (block $40
    (block $39    (block $38    (block $37    (block $36    (block $35    (block $34    (block $33    (block $32
    (block $31    (block $30    (block $29    (block $28    (block $27    (block $26    (block $25    (block $24
    (block $23    (block $22    (block $21    (block $20    (block $19    (block $18    (block $17    (block $16
    (block $15    (block $14    (block $13    (block $12    (block $11    (block $10    (block $9    (block $8
    (block $7    (block $6    (block $5    (block $4    (block $3    (block $2    (block $1    (block $0
      (br_table $0 $1 $2 $3 $4 $5 $6 $7 $8 $9 $10 $11 $12 $13 $14 $15 $16 $17 $18 $19 $20 $21 $22 $23 $24 $25 $26 $27 $28 $29 $30 $31 $32 $33 $34 $35 $36 $37 $38 $39 $40 $41 $42 $43 $44 $45 $46 $47 $48 $49 $50 $51 $52 $53 $54 $55 $56 $57 $58 $59 $60 $61 $62 $63 $64 $65 $66 $67 $68 $69 $70 $71 $72 $73 $74 $75 $76 $77 $78 $79 $80 $81 $82 $83 $84 $85 $86 $87 $88 $89 $90 $91 $92 $93 $94 $95 $96 $97 $98 $99 $100 $101 $102 $103 $104 $105 $106 $107 $108 $109 $110 $111 $112 $113 $114 $115 $116 $117 $118 $119 $120 $121 $122 $123 $124 $125 $126 $127 $128 $129 $130 $131 $132 $133 $134 $135 $136 $137 $138 $139 $140 $141 $142 $143 $144 $145 $146 $147 $148 $149 $150 $151 $152 $153 $154 $155 $156 $157 $158 $159 $160 $161 $162 $163 $164 $165 $166 $167 $168 $169 $170 $171 $172 $173 $174 $175 $176 $177 $178 $179 $180 $181 $182 $183 $184 $185 $186 $187 $188 $189 $190 $191 $192 $193 $194 $195 $196 $197 $198 $199 $200 $201 $202 $203 $204 $205 $206 $207 $208 $209 $210 $211 $212 $213 $214 $215 $216 $217 $218 $219 $220 $221 $222 $223 $224 $225 $226 $227 $228 $229 $230 $231 $232 $233 $234 $235 $236 $237 $238 $239 $240 $241 $242 $243 $244 $245 $246 $247 $248 $249 $250 $251 $252 $253 $254 $255 $256 $257 $258 $259 $260 $261 $262 $263 $264 $265 $266 $267 $268 $269 $270 $271 $272 $273 $274 $275 $276 $277 $278 $279 $280 $281 $282 $283 $284 $285 $286 $287 $288 $289 $290 $291 $292 $293 $294 $295 $296 $297 $298 $299 $default (local.get 0))
    ) (return (i32.const 1))
    ) (return (i32.const 4))
    ) (return (i32.const 7))
    ) (return (i32.const 10))
    ) (return (i32.const 13))
    ) (return (i32.const 16))
    ) (return (i32.const 19))
    ) (return (i32.const 22))
    ) (return (i32.const 25))
    ) (return (i32.const 28))
    ) (return (i32.const 31))
    ) (return (i32.const 34))
    ) (return (i32.const 37))
    ) (return (i32.const 40))
    ) (return (i32.const 43))
    ) (return (i32.const 46))
    ) (return (i32.const 49))
    ) (return (i32.const 52))
    ) (return (i32.const 55))
    ) (return (i32.const 58))
    ) (return (i32.const 61))
    ) (return (i32.const 64))
    ) (return (i32.const 67))
    ) (return (i32.const 70))
    ) (return (i32.const 73))
    ) (return (i32.const 76))
    ) (return (i32.const 79))
    ) (return (i32.const 82))
    ) (return (i32.const 85))
    ) (return (i32.const 88))
    ) (return (i32.const 91))
    ) (return (i32.const 94))
    ) (return (i32.const 97))
    ) (return (i32.const 100))
    ) (return (i32.const 103))
    ) (return (i32.const 106))
    ) (return (i32.const 109))
    ) (return (i32.const 112))
    ) (return (i32.const 115))
    ) (return (i32.const 118))
    ) (return (i32.const 121))
    ) (return (i32.const 124))
    ) (return (i32.const 127))
    ) (return (i32.const 130))
    ) (return (i32.const 133))
    ) (return (i32.const 136))
    ) (return (i32.const 139))
    ) (return (i32.const 142))
    ) (return (i32.const 145))
    ) (return (i32.const 148))
    ) (return (i32.const 151))
    ) (return (i32.const 154))
    ) (return (i32.const 157))
    ) (return (i32.const 160))
    ) (return (i32.const 163))
    ) (return (i32.const 166))
    ) (return (i32.const 169))
    ) (return (i32.const 172))
    ) (return (i32.const 175))
    ) (return (i32.const 178))
    ) (return (i32.const 181))
    ) (return (i32.const 184))
    ) (return (i32.const 187))
    ) (return (i32.const 190))
    ) (return (i32.const 193))
    ) (return (i32.const 196))
    ) (return (i32.const 199))
    ) (return (i32.const 202))
    ) (return (i32.const 205))
    ) (return (i32.const 208))
    ) (return (i32.const 211))
    ) (return (i32.const 214))
    ) (return (i32.const 217))
    ) (return (i32.const 220))
    ) (return (i32.const 223))
    ) (return (i32.const 226))
    ) (return (i32.const 229))
    ) (return (i32.const 232))
    ) (return (i32.const 235))
    ) (return (i32.const 238))
    ) (return (i32.const 241))
    ) (return (i32.const 244))
    ) (return (i32.const 247))
    ) (return (i32.const 250))
    ) (return (i32.const 253))
    ) (return (i32.const 256))
    ) (return (i32.const 259))
    ) (return (i32.const 262))
    ) (return (i32.const 265))
    ) (return (i32.const 268))
    ) (return (i32.const 271))
    ) (return (i32.const 274))
    ) (return (i32.const 277))
    ) (return (i32.const 280))
    ) (return (i32.const 283))
    ) (return (i32.const 286))
    ) (return (i32.const 289))
    ) (return (i32.const 292))
    ) (return (i32.const 295))
    ) (return (i32.const 298))
    ) (return (i32.const 301))
    ) (return (i32.const 304))
    ) (return (i32.const 307))
    ) (return (i32.const 310))
    ) (return (i32.const 313))
    ) (return (i32.const 316))
    ) (return (i32.const 319))
    ) (return (i32.const 322))
    ) (return (i32.const 325))
    ) (return (i32.const 328))
    ) (return (i32.const 331))
    ) (return (i32.const 334))
    ) (return (i32.const 337))
    ) (return (i32.const 340))
    ) (return (i32.const 343))
    ) (return (i32.const 346))
    ) (return (i32.const 349))
    ) (return (i32.const 352))
    ) (return (i32.const 355))
    ) (return (i32.const 358))
    ) (return (i32.const 361))
    ) (return (i32.const 364))
    ) (return (i32.const 367))
    ) (return (i32.const 370))
    ) (return (i32.const 373))
    ) (return (i32.const 376))
    ) (return (i32.const 379))
    ) (return (i32.const 382))
    ) (return (i32.const 385))
    ) (return (i32.const 388))
    ) (return (i32.const 391))
    ) (return (i32.const 394))
    ) (return (i32.const 397))
    ) (return (i32.const 400))
    ) (return (i32.const 403))
    ) (return (i32.const 406))
    ) (return (i32.const 409))
    ) (return (i32.const 412))
    ) (return (i32.const 415))
    ) (return (i32.const 418))
    ) (return (i32.const 421))
    ) (return (i32.const 424))
    ) (return (i32.const 427))
    ) (return (i32.const 430))
    ) (return (i32.const 433))
    ) (return (i32.const 436))
    ) (return (i32.const 439))
    ) (return (i32.const 442))
    ) (return (i32.const 445))
    ) (return (i32.const 448))
    ) (return (i32.const 451))
    ) (return (i32.const 454))
    ) (return (i32.const 457))
    ) (return (i32.const 460))
    ) (return (i32.const 463))
    ) (return (i32.const 466))
    ) (return (i32.const 469))
    ) (return (i32.const 472))
    ) (return (i32.const 475))
    ) (return (i32.const 478))
    ) (return (i32.const 481))
    ) (return (i32.const 484))
    ) (return (i32.const 487))
    ) (return (i32.const 490))
    ) (return (i32.const 493))
    ) (return (i32.const 496))
    ) (return (i32.const 499))
    ) (return (i32.const 502))
    ) (return (i32.const 505))
    ) (return (i32.const 508))
    ) (return (i32.const 511))
    ) (return (i32.const 514))
    ) (return (i32.const 517))
    ) (return (i32.const 520))
    ) (return (i32.const 523))
    ) (return (i32.const 526))
    ) (return (i32.const 529))
    ) (return (i32.const 532))
    ) (return (i32.const 535))
    ) (return (i32.const 538))
    ) (return (i32.const 541))
    ) (return (i32.const 544))
    ) (return (i32.const 547))
    ) (return (i32.const 550))
    ) (return (i32.const 553))
    ) (return (i32.const 556))
    ) (return (i32.const 559))
    ) (return (i32.const 562))
    ) (return (i32.const 565))
    ) (return (i32.const 568))
    ) (return (i32.const 571))
    ) (return (i32.const 574))
    ) (return (i32.const 577))
    ) (return (i32.const 580))
    ) (return (i32.const 583))
    ) (return (i32.const 586))
    ) (return (i32.const 589))
    ) (return (i32.const 592))
    ) (return (i32.const 595))
    ) (return (i32.const 598))
    ) (return (i32.const 601))
    ) (return (i32.const 604))
    ) (return (i32.const 607))
    ) (return (i32.const 610))
    ) (return (i32.const 613))
    ) (return (i32.const 616))
    ) (return (i32.const 619))
    ) (return (i32.const 622))
    ) (return (i32.const 625))
    ) (return (i32.const 628))
    ) (return (i32.const 631))
    ) (return (i32.const 634))
    ) (return (i32.const 637))
    ) (return (i32.const 640))
    ) (return (i32.const 643))
    ) (return (i32.const 646))
    ) (return (i32.const 649))
    ) (return (i32.const 652))
    ) (return (i32.const 655))
    ) (return (i32.const 658))
    ) (return (i32.const 661))
    ) (return (i32.const 664))
    ) (return (i32.const 667))
    ) (return (i32.const 670))
    ) (return (i32.const 673))
    ) (return (i32.const 676))
    ) (return (i32.const 679))
    ) (return (i32.const 682))
    ) (return (i32.const 685))
    ) (return (i32.const 688))
    ) (return (i32.const 691))
    ) (return (i32.const 694))
    ) (return (i32.const 697))
    ) (return (i32.const 700))
    ) (return (i32.const 703))
    ) (return (i32.const 706))
    ) (return (i32.const 709))
    ) (return (i32.const 712))
    ) (return (i32.const 715))
    ) (return (i32.const 718))
    ) (return (i32.const 721))
    ) (return (i32.const 724))
    ) (return (i32.const 727))
    ) (return (i32.const 730))
    ) (return (i32.const 733))
    ) (return (i32.const 736))
    ) (return (i32.const 739))
    ) (return (i32.const 742))
    ) (return (i32.const 745))
    ) (return (i32.const 748))
    ) (return (i32.const 751))
    ) (return (i32.const 754))
    ) (return (i32.const 757))
    ) (return (i32.const 760))
    ) (return (i32.const 763))
    ) (return (i32.const 766))
    ) (return (i32.const 769))
    ) (return (i32.const 772))
    ) (return (i32.const 775))
    ) (return (i32.const 778))
    ) (return (i32.const 781))
    ) (return (i32.const 784))
    ) (return (i32.const 787))
    ) (return (i32.const 790))
    ) (return (i32.const 793))
    ) (return (i32.const 796))
    ) (return (i32.const 799))
    ) (return (i32.const 802))
    ) (return (i32.const 805))
    ) (return (i32.const 808))
    ) (return (i32.const 811))
    ) (return (i32.const 814))
    ) (return (i32.const 817))
    ) (return (i32.const 820))
    ) (return (i32.const 823))
    ) (return (i32.const 826))
    ) (return (i32.const 829))
    ) (return (i32.const 832))
    ) (return (i32.const 835))
    ) (return (i32.const 838))
    ) (return (i32.const 841))
    ) (return (i32.const 844))
    ) (return (i32.const 847))
    ) (return (i32.const 850))
    ) (return (i32.const 853))
    ) (return (i32.const 856))
    ) (return (i32.const 859))
    ) (return (i32.const 862))
    ) (return (i32.const 865))
    ) (return (i32.const 868))
    ) (return (i32.const 871))
    ) (return (i32.const 874))
    ) (return (i32.const 877))
    ) (return (i32.const 880))
    ) (return (i32.const 883))
    ) (return (i32.const 886))
    ) (return (i32.const 889))
    ) (return (i32.const 892))
    ) (return (i32.const 895))
    ) (return (i32.const 898))
    )
    (i32.const -1))
  (func (export "with_value") (param i32) (result i32)
    (block $a (result i32)
      (i32.add (i32.const 1000)
        (block $b (result i32)
          (i32.add (i32.const 100)
            (block $c (result i32)
              (br_table $a $b $c (i32.const 7) (local.get 0))))))))
  (func (export "only_default") (param i32) (result i32)
    (block (br_table 0 (local.get 0)))
    (i32.const 9))
  ;; The same target several times, and the function's end among them.
  (func (export "repeated") (param i32) (result i32)
    (block $x (result i32)
      (i32.const 50)
      (br_table $x 1 $x 1 (local.get 0)))
    (i32.const 1)
    (i32.add))
  ;; A loop's beginning as target: counts down.
  (func (export "to_loop") (param i32) (result i32) (local $rounds i32)
    (block $out
      (loop $again
        (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
        (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
        (br_table $out $again (local.get 0))))
    (local.get $rounds)))

;;= big 0 -> 1
;;= big 1 -> 4
;;= big 149 -> 448
;;= big 299 -> 898
;;= big 300 -> -1
;;= big -1 -> -1
;;= big 0x80000000 -> -1
;;= with_value 0 -> 7
;;= with_value 1 -> 1007
;;= with_value 2 -> 1107
;;= with_value -1 -> 1107
;;= only_default 0 -> 9
;;= only_default 5 -> 9
;;= repeated 0 -> 51
;;= repeated 1 -> 50
;;= repeated 2 -> 51
;;= repeated 3 -> 50
;;= to_loop 5 -> 5
