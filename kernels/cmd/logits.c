/* trit logits: the raw output of the model for given tokens, for comparison with other engines. */
#include "../json.h"
#include "../model.h"
#include "numbers.h"
#include "options.h"
#include <stdio.h>
#include <stdlib.h>

static void print_row(int32_t token, const float *logits, size_t vocab)
{
    json_writer w;
    json_begin(&w, stdout);
    json_open(&w, NULL, '{');
    json_integer(&w, "token", token);
    json_open(&w, "logits", '[');
    for (size_t i = 0; i < vocab; i++)
        json_number(&w, NULL, (double)logits[i]);
    json_close(&w, ']');
    json_close(&w, '}');
    json_end_line(&w);
}

static bool print_rows(session *s, size_t vocab, const int32_t *tokens, size_t n, bool batch, trit_error *e)
{
    size_t step = batch ? n : 1;
    if (n > session_context(s)) /* said before anything is printed */
        return fail(e, "%zu tokens do not fit into a context of %zu", n, session_context(s));
    for (size_t i = 0; i < n; i++)
        if ((size_t)tokens[i] >= vocab)
            return fail(e, "token %d is outside the vocabulary of %zu", (int)tokens[i], vocab);
    float *logits = malloc(step * vocab * sizeof *logits);
    bool ok = logits || fail(e, "not enough memory for the logits of %zu positions; leave --batch out", step);
    for (size_t i = 0; ok && i < n; i += step) {
        ok = session_eval(s, tokens + i, step, logits, true, e);
        for (size_t j = 0; ok && j < step; j++)
            print_row(tokens[i + j], logits + j * vocab, vocab);
    }
    free(logits);
    return ok;
}

int cmd_logits(int argc, char **argv)
{
    model_options o = { 0 };
    const char *list = NULL;
    bool batch = false;
    const option table[] = {
        MODEL_OPTIONS(o),
        { "tokens", 0, OPTION_TEXT, &list, "IDS", "token ids, separated by commas; no BOS is added", 0, 0 },
        { "batch", 0, OPTION_FLAG, &batch, NULL, "evaluate all in one batch instead of one by one", 0, 0 },
    };
    int status = options_parse(argc, argv, table, sizeof table / sizeof *table, "-m FILE --tokens 1,2,3 [--batch]",
                               "Prints one JSON row {\"token\",\"logits\"} for each position.");
    if (status >= 0)
        return status;
    if (!list)
        return complain(NULL, 2, "no tokens given; name their ids with --tokens 1,2,3");
    int64_t *numbers;
    size_t n;
    if (!numbers_parse("tokens", list, 0, INT32_MAX, &numbers, &n))
        return 2;
    int32_t *tokens = malloc(n * sizeof *tokens);
    for (size_t i = 0; tokens && i < n; i++)
        tokens[i] = (int32_t)numbers[i];
    free(numbers);

    loaded l;
    trit_error e = { "" };
    session *s = NULL;
    if (!tokens) {
        status = complain(NULL, 1, "not enough memory for %zu tokens", n);
    } else if (!load_all(&l, &o, false)) {
        status = l.status;
    } else {
        bool ok = (s = session_new(l.model, l.kv, (size_t)o.context, batch ? n : 1, &e)) &&
                  print_rows(s, model_get_config(l.model)->vocab, tokens, n, batch, &e);
        status = ok ? 0 : complain(NULL, 1, "%s", e.text);
        session_free(s);
        unload_all(&l);
    }
    free(tokens);
    return status;
}
