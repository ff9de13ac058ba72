// SHA-256 (FIPS 180-4) of files or of standard input: 32-bit rotations and additions.
//
//   sha256 [file ...]           hash files, or standard input when there is none
//   sha256 --zeros MEGABYTES    hash that many mebibytes of zeros: a benchmark
//
// The message schedule works on four words at a time with the compiler's vector types, which become v128 operations
// with -msimd128 and plain 32-bit ones without.
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint32_t lanes __attribute__((vector_size(16)));

typedef struct {
    uint32_t state[8];
    uint64_t length;    // bytes hashed so far
    uint8_t block[64];  // the first `length % 64` bytes wait here
} sha256;

// The first 32 bits of the fractional parts of the cube roots of the first 64 primes (section 4.2.2).
static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

// Works for a word and for four lanes alike.
#define ROTR(x, n) (((x) >> (n)) | ((x) << (32 - (n))))

static uint32_t small_sigma1(uint32_t x) { return ROTR(x, 17) ^ ROTR(x, 19) ^ (x >> 10); }

// W[t] = σ1(W[t-2]) + W[t-7] + σ0(W[t-15]) + W[t-16] (section 6.2.2, step 1). Everything but the σ1 term is known for
// four words at once; σ1 of the last two words needs the first two.
static void expand(uint32_t w[64], const uint8_t *block) {
    for (int t = 0; t < 16; t++) {
        const uint8_t *b = block + 4 * t;
        w[t] = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    }
    for (int t = 16; t < 64; t += 4) {
        lanes w16, w15, w7;
        memcpy(&w16, w + t - 16, 16);
        memcpy(&w15, w + t - 15, 16);
        memcpy(&w7, w + t - 7, 16);
        lanes sum = w16 + w7 + (ROTR(w15, 7) ^ ROTR(w15, 18) ^ (w15 >> 3));
        memcpy(w + t, &sum, 16);
        w[t] += small_sigma1(w[t - 2]);
        w[t + 1] += small_sigma1(w[t - 1]);
        w[t + 2] += small_sigma1(w[t]);
        w[t + 3] += small_sigma1(w[t + 1]);
    }
}

static void compress(uint32_t state[8], const uint8_t *block) {
    uint32_t w[64];
    expand(w, block);

    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int t = 0; t < 64; t++) {
        uint32_t big_sigma1 = ROTR(e, 6) ^ ROTR(e, 11) ^ ROTR(e, 25);
        uint32_t choose = (e & f) ^ (~e & g);
        uint32_t t1 = h + big_sigma1 + choose + K[t] + w[t];
        uint32_t big_sigma0 = ROTR(a, 2) ^ ROTR(a, 13) ^ ROTR(a, 22);
        uint32_t majority = (a & b) ^ (a & c) ^ (b & c);
        uint32_t t2 = big_sigma0 + majority;
        h = g, g = f, f = e, e = d + t1;
        d = c, c = b, b = a, a = t1 + t2;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

static void start(sha256 *s) {
    static const uint32_t initial[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
    };
    memcpy(s->state, initial, sizeof initial);
    s->length = 0;
}

static void update(sha256 *s, const uint8_t *bytes, size_t size) {
    while (size) {
        size_t used = s->length % 64;
        size_t taken = 64 - used < size ? 64 - used : size;
        if (taken == 64) {
            compress(s->state, bytes);
        } else {
            memcpy(s->block + used, bytes, taken);
            if (used + taken == 64) {
                compress(s->state, s->block);
            }
        }
        s->length += taken;
        bytes += taken;
        size -= taken;
    }
}

// Padding (section 5.1.1): a one bit, zeros, and the length in bits as 64 big-endian bits.
static void finish(sha256 *s, char hex[65]) {
    uint8_t padding[72] = {0x80};
    uint64_t bits = s->length * 8;
    size_t zeros_end = 64 - (s->length + 8) % 64;
    for (int i = 0; i < 8; i++) {
        padding[zeros_end + i] = (uint8_t)(bits >> (56 - 8 * i));
    }
    update(s, padding, zeros_end + 8);
    for (int i = 0; i < 8; i++) {
        snprintf(hex + 8 * i, 9, "%08lx", (unsigned long)s->state[i]);
    }
}

static int hash_stream(FILE *in, const char *name) {
    static uint8_t buffer[65536];
    sha256 s;
    char hex[65];
    size_t size;
    start(&s);
    while ((size = fread(buffer, 1, sizeof buffer, in)) > 0) {
        update(&s, buffer, size);
    }
    if (ferror(in)) {
        fprintf(stderr, "sha256: %s: %s\n", name, strerror(errno));
        return 1;
    }
    finish(&s, hex);
    printf("%s  %s\n", hex, name);
    return 0;
}

static int hash_zeros(long megabytes) {
    static uint8_t buffer[65536];
    sha256 s;
    char hex[65];
    start(&s);
    for (long i = 0; i < megabytes * 16; i++) {
        update(&s, buffer, sizeof buffer);
    }
    finish(&s, hex);
    printf("%s  %ld MiB of zeros\n", hex, megabytes);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "--zeros") == 0) {
        return hash_zeros(atol(argv[2]));
    }
    if (argc < 2) {
        return hash_stream(stdin, "-");
    }
    int status = 0;
    for (int i = 1; i < argc; i++) {
        FILE *in = fopen(argv[i], "rb");
        if (!in) {
            fprintf(stderr, "sha256: %s: %s\n", argv[i], strerror(errno));
            status = 1;
            continue;
        }
        status |= hash_stream(in, argv[i]);
        fclose(in);
    }
    return status;
}
