/* trit perplexity: each document of a text on its own, BOS and tokens cut at a length, every token after the first predicted. With a
   parent: how far the model's distributions are from its. */
#include "../json.h"
#include "../model.h"
#include "options.h"
#include "parent.h"
#include "read_text.h"
#include "unfinished.h"
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
    parent *parent;       /* or NULL */
    const char *against;
    double kl, kl_squares, parent_nll; /* sums */
    size_t agree;
    logits_out *store;    /* or NULL */
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

static size_t greatest(const float *logits, size_t vocab)
{
    size_t best = 0;
    for (size_t i = 1; i < vocab; i++)
        if (logits[i] > logits[best])
            best = i;
    return best;
}

/* log of the sum of e^logit */
static double log_total(const float *logits, size_t vocab)
{
    return surprise(logits, vocab, 0) + (double)logits[0];
}

/* Adds what the parent says of a position: KL(parent || model) = sum of p log(p / q), and whether both would choose the same token. */
static void compare(measure *m, const float *parents, const float *own, size_t vocab, int32_t follows)
{
    double p_total = log_total(parents, vocab), q_total = log_total(own, vocab), kl = 0;
    for (size_t i = 0; i < vocab; i++) {
        double p = (double)parents[i] - p_total;
        kl += exp(p) * (p - ((double)own[i] - q_total));
    }
    m->kl += kl;
    m->kl_squares += kl * kl;
    m->agree += greatest(parents, vocab) == greatest(own, vocab);
    m->parent_nll += p_total - (double)parents[follows];
}

static bool add_batch(measure *m, const int32_t *ids, size_t at, size_t batch, trit_error *e)
{
    size_t vocab = model_get_config(m->l.model)->vocab;
    if (!session_eval(m->session, ids + at, batch, m->logits, true, e))
        return false;
    const float *parents = m->parent ? parent_logits(m->parent, ids, at, batch, e) : NULL;
    if (m->parent && !parents)
        return false;
    for (size_t i = 0; i < batch; i++) {
        const float *own = m->logits + i * vocab;
        m->nll += surprise(own, vocab, ids[at + i + 1]);
        if (parents)
            compare(m, parents + i * vocab, own, vocab, ids[at + i + 1]);
        if (m->store && !logits_put(m->store, ids[at + i + 1], own, e))
            return false;
    }
    return true;
}

static bool add_document(measure *m, const char *text, size_t len, trit_error *e)
{
    size_t n;
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
        ok = add_batch(m, ids, at, batch, e);
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
    double n = (double)m->tokens, nll = m->nll / n, kl = m->kl / n, parent_nll = m->parent_nll / n;
    double spread = m->tokens > 1 ? sqrt(fmax(0, (m->kl_squares / n - kl * kl) / (n - 1))) : 0; /* standard error of the mean */
    if (!as_json) {
        printf("%zu documents, %zu tokens: nll %.5f, ppl %.4f\n", m->docs, m->tokens, nll, exp(nll));
        if (m->parent)
            printf("against %s: ppl %.4f there, KL %.5f +- %.5f, the same first choice in %.2f %%\n", m->against, exp(parent_nll), kl, spread,
                   100 * (double)m->agree / n);
        return;
    }
    json_writer w;
    json_begin(&w, stdout);
    json_open(&w, NULL, '{');
    json_integer(&w, "docs", (int64_t)m->docs);
    json_integer(&w, "tokens", (int64_t)m->tokens);
    json_number(&w, "nll", nll);
    json_number(&w, "ppl", exp(nll));
    if (m->parent) {
        json_text(&w, "against", m->against);
        json_number(&w, "against_nll", parent_nll);
        json_number(&w, "against_ppl", exp(parent_nll));
        json_number(&w, "kl", kl);
        json_number(&w, "kl_error", spread);
        json_number(&w, "top1", (double)m->agree / n);
    }
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
    const char *path = NULL, *separator = "<|endoftext|>", *format = "text", *against = NULL, *store = NULL;
    int64_t docs = 0, max_tokens = 0;
    bool each = false;
    const option table[] = {
        MODEL_OPTIONS(o),
        { "file", 'f', OPTION_TEXT, &path, "TEXT", "text file, UTF-8 (-: standard input)", 0, 0 },
        { "docs", 0, OPTION_INT, &docs, "N", "use the first N documents (0: all)", 0, 1e9 },
        { "separator", 0, OPTION_TEXT, &separator, "STR", "the line that stands between documents (<|endoftext|>)", 0, 0 },
        { "max-tokens", 0, OPTION_INT, &max_tokens, "N", "cut documents at N tokens, BOS counted (0: the context)", 0, 1048576 },
        { "each", 0, OPTION_FLAG, &each, NULL, "with json: also tokens and nll of each document", 0, 0 },
        { "against", 0, OPTION_TEXT, &against, "FILE", "compare with this model, or with logits it stored: KL divergence, top-1 agreement", 0, 0 },
        { "save-logits", 0, OPTION_TEXT, &store, "FILE", "store the logits for a later --against (4 bytes times the vocabulary a token)", 0, 0 },
        { "output", 'o', OPTION_TEXT, &format, "FORMAT", "text or json", 0, 0 },
    };
    int status = options_parse(argc, argv, table, sizeof table / sizeof *table,
                               "-m FILE -f TEXT [--docs N] [--separator STR] [--max-tokens N] [--against FILE] [-o json]",
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
    if (same_file(store, o.model) || same_file(store, path) || same_file(store, against))
        return complain(NULL, 2, "--save-logits %s is a file that is read; name another one to write", store);
    size_t len;
    char *text = read_text(path, &len);
    if (!text)
        return 1;
    measure m = { 0 };
    bool told = false;
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
        m.against = against;
        m.parent = against ? parent_open(against, &o, m.l.model, m.max_tokens, BATCH) : NULL;
        told = against && !m.parent;
        ok = !told && (!store || (m.store = logits_create(store, model_get_config(m.l.model)->vocab, &e))) &&
             add_all(&m, text, len, separator, (size_t)docs, &e);
    }
    if (m.store)
        ok = logits_close(m.store, ok, &e) && ok;
    if (ok)
        print_result(&m, as_json, each);
    status = ok ? 0 : told ? 1 : complain(NULL, 1, "%s: %s", path, e.text);
    parent_free(m.parent);
    free(m.logits);
    free(m.each);
    session_free(m.session);
    unload_all(&m.l);
    free(text);
    return status;
}
