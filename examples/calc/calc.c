// A calculator that compiles each line to bytecode and runs it through a table of functions: call_indirect.
//
//   calc < lines
//
// A line is `expression`, printed, or `name = expression`, kept (names are single letters a to z). `#` starts a comment.
//
//   expression = term { (+ | -) term }
//   term       = factor { (* | / | %) factor }
//   factor     = number | name | - factor | ( expression ) | sum(name, from, to, expression)
//
// Numbers are 64-bit integers that wrap around. `sum` adds the expression for every value from..to of the name.
// Exit code 1 when a line was wrong.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CODE_MAX = 256, STACK_MAX = 64, DEPTH_MAX = 16 };

typedef enum { PUSH, LOAD, STORE, ADD, SUB, MUL, DIV, REM, NEG, LOOP_TEST, LOOP_NEXT, OPCODES } opcode;

typedef struct {
    opcode op;
    int64_t operand; // a number, a name's index, or the place to jump to
} instruction;

typedef struct {
    instruction code[CODE_MAX];
    int size;
    int64_t stack[STACK_MAX];
    int top; // first free cell
    int next; // the instruction to run after this one
    int64_t names[26];
    const char *error;
} machine;

// --- running ---

static int64_t pop(machine *m) { return m->stack[--m->top]; }

// The parser's depth limit keeps the stack below its end; this check does not rely on that.
static void push(machine *m, int64_t value) {
    if (m->top == STACK_MAX) {
        m->error = "stack overflow";
        return;
    }
    m->stack[m->top++] = value;
}

static void do_push(machine *m, int64_t number) { push(m, number); }
static void do_load(machine *m, int64_t name) { push(m, m->names[name]); }
static void do_store(machine *m, int64_t name) { m->names[name] = pop(m); }

// Unsigned arithmetic wraps around, signed would be undefined.
static void do_add(machine *m, int64_t unused) {
    (void)unused;
    int64_t b = pop(m), a = pop(m);
    push(m, (int64_t)((uint64_t)a + (uint64_t)b));
}
static void do_sub(machine *m, int64_t unused) {
    (void)unused;
    int64_t b = pop(m), a = pop(m);
    push(m, (int64_t)((uint64_t)a - (uint64_t)b));
}
static void do_mul(machine *m, int64_t unused) {
    (void)unused;
    int64_t b = pop(m), a = pop(m);
    push(m, (int64_t)((uint64_t)a * (uint64_t)b));
}
static void divide(machine *m, int remainder) {
    int64_t b = pop(m), a = pop(m);
    if (b == 0) {
        m->error = "division by zero";
    } else if (b == -1) {
        push(m, remainder ? 0 : (int64_t)(0 - (uint64_t)a));
    } else {
        push(m, remainder ? a % b : a / b);
    }
}
static void do_div(machine *m, int64_t unused) {
    (void)unused;
    divide(m, 0);
}
static void do_rem(machine *m, int64_t unused) {
    (void)unused;
    divide(m, 1);
}
static void do_neg(machine *m, int64_t unused) {
    (void)unused;
    push(m, (int64_t)(0 - (uint64_t)pop(m)));
}

// A loop keeps three cells on the stack: its total, its counter, its end. LOOP_TEST copies the counter into the cell
// above for a STORE that follows, or leaves the total alone and jumps out.
static void do_loop_test(machine *m, int64_t exit) {
    int64_t counter = m->stack[m->top - 2], end = m->stack[m->top - 1];
    if (counter > end) {
        m->top -= 2;
        m->next = (int)exit;
    } else {
        push(m, counter);
    }
}
static void do_loop_next(machine *m, int64_t test) {
    int64_t value = pop(m);
    int64_t *cells = &m->stack[m->top - 3];
    cells[0] = (int64_t)((uint64_t)cells[0] + (uint64_t)value);
    if (cells[1] == cells[2]) { // the end may be the greatest number there is
        m->top -= 2;
        return;
    }
    cells[1]++;
    m->next = (int)test;
}

typedef void (*handler)(machine *, int64_t operand);

static const handler handlers[OPCODES] = {
    [PUSH] = do_push, [LOAD] = do_load, [STORE] = do_store,         [ADD] = do_add,
    [SUB] = do_sub,   [MUL] = do_mul,   [DIV] = do_div,             [REM] = do_rem,
    [NEG] = do_neg,   [LOOP_TEST] = do_loop_test, [LOOP_NEXT] = do_loop_next,
};

static void run(machine *m) {
    m->top = 0;
    for (m->next = 0; m->next < m->size && !m->error;) {
        const instruction *i = &m->code[m->next++];
        handlers[i->op](m, i->operand);
    }
}

// --- parsing ---

typedef struct {
    const char *at;
    machine *machine;
    int depth;
} parser;

static int emit(parser *p, opcode op, int64_t operand) {
    machine *m = p->machine;
    if (m->size == CODE_MAX) {
        m->error = "line too long";
        return 0;
    }
    m->code[m->size] = (instruction){op, operand};
    return m->size++;
}

static char peek(parser *p) {
    while (*p->at == ' ' || *p->at == '\t') {
        p->at++;
    }
    return *p->at;
}

static int accept(parser *p, char c) {
    if (peek(p) != c) {
        return 0;
    }
    p->at++;
    return 1;
}

static void expect(parser *p, char c) {
    if (!accept(p, c) && !p->machine->error) {
        p->machine->error = "syntax error";
    }
}

static int64_t name(parser *p) {
    char c = peek(p);
    if (c < 'a' || c > 'z') {
        p->machine->error = "name expected";
        return 0;
    }
    p->at++;
    return c - 'a';
}

static void expression(parser *p);

static void sum(parser *p) {
    expect(p, '(');
    int64_t counter = name(p);
    expect(p, ',');
    emit(p, PUSH, 0);
    expression(p);
    expect(p, ',');
    expression(p);
    expect(p, ',');
    int test = emit(p, LOOP_TEST, 0);
    emit(p, STORE, counter);
    expression(p);
    emit(p, LOOP_NEXT, test);
    p->machine->code[test].operand = p->machine->size;
    expect(p, ')');
}

static void factor(parser *p) {
    if (p->machine->error) {
        return;
    }
    if (++p->depth > DEPTH_MAX) {
        p->machine->error = "too deep";
    } else if (accept(p, '-')) {
        factor(p);
        emit(p, NEG, 0);
    } else if (accept(p, '(')) {
        expression(p);
        expect(p, ')');
    } else if (peek(p) >= '0' && *p->at <= '9') {
        uint64_t number = 0;
        while (*p->at >= '0' && *p->at <= '9') {
            number = number * 10 + (uint64_t)(*p->at++ - '0');
        }
        emit(p, PUSH, (int64_t)number);
    } else if (strncmp(p->at, "sum", 3) == 0) {
        p->at += 3;
        sum(p);
    } else {
        emit(p, LOAD, name(p));
    }
    p->depth--;
}

static void term(parser *p) {
    factor(p);
    while (!p->machine->error) {
        if (accept(p, '*')) {
            factor(p);
            emit(p, MUL, 0);
        } else if (accept(p, '/')) {
            factor(p);
            emit(p, DIV, 0);
        } else if (accept(p, '%')) {
            factor(p);
            emit(p, REM, 0);
        } else {
            return;
        }
    }
}

static void expression(parser *p) {
    term(p);
    while (!p->machine->error) {
        if (accept(p, '+')) {
            term(p);
            emit(p, ADD, 0);
        } else if (accept(p, '-')) {
            term(p);
            emit(p, SUB, 0);
        } else {
            return;
        }
    }
}

// Compiles and runs one line. False when it is wrong.
static int calculate(machine *m, const char *line) {
    parser p = {line, m, 0};
    m->size = 0;
    m->error = NULL;

    int64_t target = -1;
    if (peek(&p) >= 'a' && *p.at <= 'z') {
        const char *start = p.at++;
        if (accept(&p, '=')) {
            target = *start - 'a';
        } else {
            p.at = start;
        }
    }
    expression(&p);
    if (peek(&p) != '\0' && !m->error) {
        m->error = "syntax error";
    }
    if (target >= 0) {
        emit(&p, STORE, target);
    }
    if (!m->error) {
        run(m);
    }
    if (m->error) {
        printf("error: %s\n", m->error);
        return 0;
    }
    if (target < 0) {
        printf("%" PRId64 "\n", pop(m));
    }
    return 1;
}

int main(void) {
    static machine m;
    char line[512];
    int status = 0;
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "#\r\n")] = '\0';
        if (line[strspn(line, " \t")] != '\0' && !calculate(&m, line)) {
            status = 1;
        }
    }
    return status;
}
