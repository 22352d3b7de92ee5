/* Options shared by the commands: a table per command, parsed with getopt_long, help made from the same table. */
#ifndef TRIT_OPTIONS_H
#define TRIT_OPTIONS_H
#include "../kv.h"
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

typedef enum { OPTION_FLAG, OPTION_TEXT, OPTION_INT, OPTION_FLOAT } option_kind;
typedef struct {
    const char *name;    /* long name: "threads" */
    char letter;         /* 't', or 0 */
    option_kind kind;
    void *value;         /* bool*, const char**, int64_t*, double* ; holds the default before parsing */
    const char *argument;/* "N", "FILE" ... for help */
    const char *help;
    double low, high;    /* accepted range of numbers; both 0: any */
} option;

/* Parses argv into the table. `synopsis` is the usage line after "trit <command>", `about` one sentence. Non-option arguments are an
   error. Returns -1 to go on, else the exit status (0 after --help, 2 after a wrong flag, with a sentence on stderr). */
int options_parse(int argc, char **argv, const option *table, size_t count, const char *synopsis, const char *about);

/* The options every model-running command has: -m --model, -t --threads, --cpus, -c --context, and those of LOAD_OPTIONS. */
typedef struct { const char *model, *cpus, *isa, *layout, *load, *cache, *head /* NULL: full */, *kv; int64_t threads, context; } model_options;
#define LOAD_OPTIONS(o) \
    { "isa", 0, OPTION_TEXT, &(o).isa, "NAME", "use kernels up to this ISA (auto)", 0, 0 }, \
    { "layout", 0, OPTION_TEXT, &(o).layout, "NAME", "ternary weights in 2 bits, 1.6 bits, or as measured (t2, t5, auto)", 0, 0 }, \
    { "load", 0, OPTION_TEXT, &(o).load, "MODE", "read weights from mapped files or copy them (mmap, copy, auto)", 0, 0 }, \
    { "cache", 0, OPTION_TEXT, &(o).cache, "DIR|off", "folder of the packed weights (beside the model, or ~/.cache/trit)", 0, 0 }
#define MODEL_OPTIONS(o) \
    { "model", 'm', OPTION_TEXT, &(o).model, "FILE", "GGUF model", 0, 0 }, \
    { "threads", 't', OPTION_INT, &(o).threads, "N", "threads (0: one for each fast core)", 0, 512 }, \
    { "cpus", 0, OPTION_TEXT, &(o).cpus, "LIST", "pin threads to these CPUs, as in 0-3,6", 0, 0 }, \
    LOAD_OPTIONS(o), \
    { "kv", 0, OPTION_TEXT, &(o).kv, "TYPE", "keys and values in half precision, 8 or 4 bits (f16, q8_0, q4_0)", 0, 0 }, \
    { "context", 'c', OPTION_INT, &(o).context, "N", "context length (0: the model's, at most 4096)", 0, 1048576 }
/* Of commands that choose tokens and want no logits. */
#define HEAD_OPTION(o) \
    { "head", 0, OPTION_TEXT, &(o).head, "NAME", "all logits, or the same choice from few: full, screen, auto (auto)", 0, 0 }

/* Opens everything a command needs; on failure prints one sentence to stderr and returns false. */
struct gguf; struct tokenizer; struct model; struct pool; struct trit_ops;
typedef struct {
    struct gguf *gguf; struct pool *pool; const struct trit_ops *ops; struct model *model; struct tokenizer *tokenizer;
    kv_type kv;
    int64_t load_ns;
    int status; /* after a failure: the exit status, 1 or 2 */
} loaded;
bool load_all(loaded *l, const model_options *o, bool want_tokenizer);
void unload_all(loaded *l);
/* Prints "trit <command>: sentence" to stderr and returns status. */
int complain(const char *command, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));
#endif
