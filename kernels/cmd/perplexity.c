/* trit perplexity: each document of a text on its own, BOS and tokens cut at a length, every token after the first predicted. */
#include "../json.h"
#include "../model.h"
#include "options.h"
#include "read_text.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 64 }; /* positions whose logits are held at once */

typedef struct { size_t tokens; double nll; /* sum */ } document;

typedef struct {
    loaded l;
    session *session;
    float *logits;        /* [BATCH][vocab] */
    size_t max_tokens;
    size_t docs, tokens;  /* so far */
    double nll;           /* sum */
    document *each;       /* [each_count] every document, also one with nothing to predict */
    size_t each_count;
} measure;

/* -log softmax(logits)[id], summed in double. */
static double surprise(const float *logits, size_t vocab, int32_t id)
{
    float max = logits[0];
    double sum = 0;
    for (size_t i = 1; i < vocab; i++)
        if (logits[i] > max)
            max = logits[i];
    for (size_t i = 0; i < vocab; i++)
        sum += exp((double)logits[i] - (double)max);
    return log(sum) - ((double)logits[id] - (double)max);
}

static bool keep_document(measure *m, document d, trit_error *e)
{
    if (!(m->each_count & (m->each_count - 1))) { /* a power of two is full */
        document *more = realloc(m->each, (m->each_count ? 2 * m->each_count : 1) * sizeof *more);
        if (!more)
            return fail(e, "not enough memory for the results of %zu documents", m->each_count + 1);
        m->each = more;
    }
    m->each[m->each_count++] = d;
    return true;
}

static bool add_document(measure *m, const char *text, size_t len, trit_error *e)
{
    size_t vocab = model_get_config(m->l.model)->vocab, n;
    int32_t *ids;
    if (!tokenize(m->l.tokenizer, text, len, TOKENIZE_BOS, &ids, &n, e))
        return false;
    if (n > m->max_tokens)
        n = m->max_tokens;
    bool ok = true;
    double before = m->nll;
    session_reset(m->session);
    for (size_t at = 0; ok && at + 1 < n;) { /* the last token is predicted, never evaluated */
        size_t batch = n - 1 - at < BATCH ? n - 1 - at : BATCH;
        ok = session_eval(m->session, ids + at, batch, m->logits, true, e);
        for (size_t i = 0; ok && i < batch; i++)
            m->nll += surprise(m->logits + i * vocab, vocab, ids[at + i + 1]);
        at += batch;
    }
    if (n > 1) {
        m->docs++;
        m->tokens += n - 1;
    }
    free(ids);
    return ok && keep_document(m, (document){ n ? n - 1 : 0, m->nll - before }, e);
}

/* The first line that is exactly the separator, or NULL. */
static const char *find_separator(const char *text, const char *end, const char *separator)
{
    size_t len = strlen(separator);
    for (const char *line = text; len && line < end;) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        size_t line_len = (size_t)((newline ? newline : end) - line);
        if (line_len && line[line_len - 1] == '\r')
            line_len--;
        if (line_len == len && !memcmp(line, separator, len))
            return line;
        line = newline ? newline + 1 : end;
    }
    return NULL;
}

static bool add_all(measure *m, const char *text, size_t len, const char *separator, size_t docs, trit_error *e)
{
    const char *end = text + len;
    while (text < end && (!docs || m->docs < docs)) {
        const char *line = find_separator(text, end, separator), *stop = line ? line : end;
        if (line && stop > text)
            stop--; /* the newline before the separator belongs to it */
        if (stop > text && !add_document(m, text, (size_t)(stop - text), e))
            return false;
        const char *newline = line ? memchr(line, '\n', (size_t)(end - line)) : NULL;
        text = newline ? newline + 1 : end;
    }
    return m->tokens ? true : fail(e, "the text has no document of two or more tokens, so there is nothing to predict");
}

static void print_result(const measure *m, bool as_json, bool each)
{
    double nll = m->nll / (double)m->tokens;
    if (!as_json) {
        printf("%zu documents, %zu tokens: nll %.5f, ppl %.4f\n", m->docs, m->tokens, nll, exp(nll));
        return;
    }
    json_writer w;
    json_begin(&w, stdout);
    json_open(&w, NULL, '{');
    json_integer(&w, "docs", (int64_t)m->docs);
    json_integer(&w, "tokens", (int64_t)m->tokens);
    json_number(&w, "nll", nll);
    json_number(&w, "ppl", exp(nll));
    if (each) {
        json_open(&w, "documents", '[');
        for (size_t i = 0; i < m->each_count; i++) {
            const document *d = &m->each[i];
            json_open(&w, NULL, '{');
            json_integer(&w, "tokens", (int64_t)d->tokens);
            json_number(&w, "nll", d->tokens ? d->nll / (double)d->tokens : 0);
            json_close(&w, '}');
        }
        json_close(&w, ']');
    }
    json_close(&w, '}');
    json_end_line(&w);
}

int cmd_perplexity(int argc, char **argv)
{
    model_options o = { 0 };
    const char *path = NULL, *separator = "<|endoftext|>", *format = "text";
    int64_t docs = 0, max_tokens = 0;
    bool each = false;
    const option table[] = {
        MODEL_OPTIONS(o),
        { "file", 'f', OPTION_TEXT, &path, "TEXT", "text file, UTF-8 (-: standard input)", 0, 0 },
        { "docs", 0, OPTION_INT, &docs, "N", "use the first N documents (0: all)", 0, 1e9 },
        { "separator", 0, OPTION_TEXT, &separator, "STR", "the line that stands between documents (<|endoftext|>)", 0, 0 },
        { "max-tokens", 0, OPTION_INT, &max_tokens, "N", "cut documents at N tokens, BOS counted (0: the context)", 0, 1048576 },
        { "each", 0, OPTION_FLAG, &each, NULL, "with json: also tokens and nll of each document", 0, 0 },
        { "output", 'o', OPTION_TEXT, &format, "FORMAT", "text or json", 0, 0 },
    };
    int status = options_parse(argc, argv, table, sizeof table / sizeof *table,
                               "-m FILE -f TEXT [--docs N] [--separator STR] [--max-tokens N] [-o json]",
                               "Prints the mean negative log likelihood (nll) a token and the perplexity e^nll.");
    if (status >= 0)
        return status;
    bool as_json = !strcmp(format, "json");
    if (!as_json && strcmp(format, "text"))
        return complain(NULL, 2, "--output wants text or json, not \"%s\"", format);
    if (!path)
        return complain(NULL, 2, "no text given; name a file with -f TEXT");
    if (max_tokens == 1)
        return complain(NULL, 2, "--max-tokens 1 leaves no token to predict; give 2 or more");
    size_t len;
    char *text = read_text(path, &len);
    if (!text)
        return 1;
    measure m = { 0 };
    trit_error e = { "" };
    if (!load_all(&m.l, &o, true)) {
        free(text);
        return m.l.status;
    }
    size_t context = o.context ? (size_t)o.context : (size_t)max_tokens;
    bool ok = (m.session = session_new(m.l.model, m.l.kv, context, BATCH, &e)) &&
              ((m.logits = malloc(BATCH * model_get_config(m.l.model)->vocab * sizeof *m.logits)) ||
               fail(&e, "not enough memory for the logits"));
    if (ok) {
        m.max_tokens = session_context(m.session);
        if (max_tokens && (size_t)max_tokens < m.max_tokens)
            m.max_tokens = (size_t)max_tokens;
        ok = add_all(&m, text, len, separator, (size_t)docs, &e);
    }
    if (ok)
        print_result(&m, as_json, each);
    status = ok ? 0 : complain(NULL, 1, "%s: %s", path, e.text);
    free(m.logits);
    free(m.each);
    session_free(m.session);
    unload_all(&m.l);
    free(text);
    return status;
}
