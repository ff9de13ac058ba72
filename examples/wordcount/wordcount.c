// Counts lines, words and bytes, and the most frequent words: files, standard input, a hash table on the heap.
//
//   wordcount [file ...]        standard input when no file is given
//
// A word is a run of ASCII letters and digits, compared without case; bytes above 127 count as letters, so that
// UTF-8 text stays whole. Exit code 1 when a file cannot be read.
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 8, LONGEST_WORD = 63 };

typedef struct {
    char *text;
    uint32_t hash, count;
} entry;

typedef struct {
    entry *entries;
    uint32_t capacity, used; // the capacity is a power of two
} dictionary;

typedef struct {
    uint64_t lines, words, bytes;
} counts;

static void *must(void *pointer) {
    if (!pointer) {
        fputs("wordcount: out of memory\n", stderr);
        exit(2);
    }
    return pointer;
}

static uint32_t hash_of(const char *text) {
    uint32_t hash = 2166136261u; // FNV-1a
    for (; *text; text++) {
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    }
    return hash;
}

static entry *slot_of(dictionary *words, const char *text, uint32_t hash) {
    uint32_t mask = words->capacity - 1;
    for (uint32_t i = hash & mask;; i = (i + 1) & mask) {
        entry *e = &words->entries[i];
        if (!e->text || (e->hash == hash && strcmp(e->text, text) == 0)) {
            return e;
        }
    }
}

static void grow(dictionary *words) {
    dictionary larger = {.capacity = words->capacity ? words->capacity * 2 : 64, .used = words->used};
    larger.entries = must(calloc(larger.capacity, sizeof(entry)));
    for (uint32_t i = 0; i < words->capacity; i++) {
        entry *e = &words->entries[i];
        if (e->text) {
            *slot_of(&larger, e->text, e->hash) = *e;
        }
    }
    free(words->entries);
    *words = larger;
}

static void count_word(dictionary *words, const char *text) {
    if (words->used * 4 >= words->capacity * 3) {
        grow(words);
    }
    uint32_t hash = hash_of(text);
    entry *e = slot_of(words, text, hash);
    if (!e->text) {
        size_t size = strlen(text) + 1;
        e->text = memcpy(must(malloc(size)), text, size);
        e->hash = hash;
        words->used++;
    }
    e->count++;
}

static int is_word_byte(int c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 128;
}

static counts count_stream(FILE *in, dictionary *words) {
    counts n = {0, 0, 0};
    char word[LONGEST_WORD + 1];
    size_t length = 0;
    for (;;) {
        int c = getc(in);
        if (c != EOF && is_word_byte(c)) {
            if (length < LONGEST_WORD) {
                word[length++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
            }
        } else if (length) {
            word[length] = '\0';
            count_word(words, word);
            n.words++;
            length = 0;
        }
        if (c == EOF) {
            return n;
        }
        n.bytes++;
        n.lines += c == '\n';
    }
}

// Most frequent first; the same count in the order of the bytes.
static int compare(const void *a, const void *b) {
    const entry *x = a, *y = b;
    if (x->count != y->count) {
        return x->count < y->count ? 1 : -1;
    }
    return strcmp(x->text, y->text);
}

static void print_counts(counts n, const char *name) {
    printf("%8llu %8llu %8llu  %s\n", (unsigned long long)n.lines, (unsigned long long)n.words,
           (unsigned long long)n.bytes, name);
}

int main(int argc, char **argv) {
    dictionary words = {NULL, 0, 0};
    counts total = {0, 0, 0};
    int status = 0;

    if (argc < 2) {
        print_counts(count_stream(stdin, &words), "-");
    }
    for (int i = 1; i < argc; i++) {
        FILE *in = fopen(argv[i], "rb");
        if (!in) {
            fprintf(stderr, "wordcount: %s: %s\n", argv[i], strerror(errno));
            status = 1;
            continue;
        }
        counts n = count_stream(in, &words);
        fclose(in);
        print_counts(n, argv[i]);
        total.lines += n.lines;
        total.words += n.words;
        total.bytes += n.bytes;
    }
    if (argc > 2) {
        print_counts(total, "total");
    }

    uint32_t kept = 0;
    for (uint32_t i = 0; i < words.capacity; i++) {
        if (words.entries[i].text) {
            words.entries[kept++] = words.entries[i];
        }
    }
    if (kept) {
        qsort(words.entries, kept, sizeof(entry), compare);
    }
    for (uint32_t i = 0; i < kept && i < SHOWN; i++) {
        printf("%8u  %s\n", (unsigned)words.entries[i].count, words.entries[i].text);
    }
    return status;
}
