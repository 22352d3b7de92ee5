/* Sessions: the same bits for any batches and threads, F16, Q8_0 and Q4_0; a context of 8192 in bounded memory. */
#include "../clock.h"
#include "expect.h"
#include "tiny.h"
#include <math.h>

enum { SHADOWED = WATCHED_THREADS ? 5 : 1 }; /* by the thread sanitizer */
enum { VOCAB = 1024, SHORT = 700, LONG = 8192 };

static int32_t tokens[LONG];
static float want[VOCAB], got[VOCAB];

/* Evaluates tokens[n] in batches of one size; the last one's logits -> out. */
static session *evaluate(model *m, kv_type kv, size_t context, size_t n, size_t batch, float *out)
{
    trit_error e = { "" };
    session *s = session_new(m, kv, context, batch, &e);
    EXPECT(s && session_eval(s, tokens, n, out, false, &e), "%s", e.text);
    return s;
}

static void expect_same_bits(kv_type kv)
{
    static const size_t batches[] = { 1, 2, 7, 64, 65, 300 };
    for (int threads = 1; threads <= 3; threads += 2) {
        tiny t = tiny_new(1, threads);
        for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
            bool first = threads == 1 && i == 0;
            session_free(evaluate(t.model, kv, 1000, SHORT, batches[i], first ? want : got));
            EXPECT(first || !memcmp(want, got, sizeof want), "%s, %d threads, batches of %zu: other bits", kv_name(kv), threads, batches[i]);
        }
        tiny_free(&t);
    }
}

/* Q8_0 and Q4_0 are near F16: their error is a fraction of the logits' spread. */
static void expect_near(const tiny *t, kv_type kv, double share)
{
    double error = 0, size = 0;
    session_free(evaluate(t->model, KV_F16, 1000, SHORT, 512, want));
    session_free(evaluate(t->model, kv, 1000, SHORT, 512, got));
    for (size_t i = 0; i < VOCAB; i++) {
        error += pow((double)want[i] - (double)got[i], 2);
        size += pow((double)want[i], 2);
    }
    EXPECT(error > 0 && error < share * share * size, "%s is off by %g of %g", kv_name(kv), sqrt(error), sqrt(size));
}

/* 4 layers of 2 heads of 64: 2048 bytes a position in F16, 1088 in Q8_0, 576 in Q4_0. */
static void expect_bounded(const tiny *t, kv_type kv, size_t position_bytes)
{
    trit_error e = { "" };
    process_usage before = usage_now();
    session *s = evaluate(t->model, kv, LONG, LONG, 512, want);
    process_usage after = usage_now();
    EXPECT(session_context(s) == LONG && session_length(s) == LONG, "%zu of %zu", session_length(s), session_context(s));
    EXPECT(!session_eval(s, tokens, 1, got, false, &e) && *e.text, "one token too many was taken");
    EXPECT(after.rss - before.rss < SHADOWED * ((int64_t)(LONG * position_bytes) + (16 << 20)), "%s: %lld bytes more for %d positions", kv_name(kv),
           (long long)(after.rss - before.rss), LONG);
    EXPECT(session_bytes_per_token(s) == model_weight_bytes(t->model) + LONG * position_bytes, "%s: %zu bytes a token", kv_name(kv),
           session_bytes_per_token(s));
    for (size_t i = 0; i < VOCAB; i++)
        EXPECT(isfinite(want[i]), "logit %zu is %g", i, (double)want[i]);
    session_truncate(s, LONG - 70); /* the end again, now one by one */
    for (size_t i = LONG - 70; i < LONG; i++)
        EXPECT(session_eval(s, tokens + i, 1, got, false, &e), "%s", e.text);
    EXPECT(!memcmp(want, got, sizeof want), "%s: the last of %d positions has other bits one by one", kv_name(kv), LONG);
    session_free(s);
}

int main(void)
{
    for (size_t i = 0; i < LONG; i++)
        tokens[i] = (int32_t)((i * i * 31 + i * 7 + 3) % VOCAB);
    expect_same_bits(KV_F16);
    expect_same_bits(KV_Q8_0);
    expect_same_bits(KV_Q4_0);
    tiny t = tiny_new(1, 2);
    expect_near(&t, KV_Q8_0, 0.1);
    expect_near(&t, KV_Q4_0, 0.5);
    expect_bounded(&t, KV_F16, 2048);
    expect_bounded(&t, KV_Q8_0, 1088);
    expect_bounded(&t, KV_Q4_0, 576);
    kv_type kv;
    EXPECT(kv_named(NULL, &kv) && kv == KV_F16 && kv_named("q4_0", &kv) && kv == KV_Q4_0 && !kv_named("q5_0", &kv), "names");
    kv_cache c;
    trit_error e = { "" };
    EXPECT(!kv_shape(&c, KV_Q8_0, 1, 1, 48, 100, &e) && strstr(e.text, "--kv f16"), "\"%s\"", e.text);
    EXPECT(!kv_shape(&c, KV_Q4_0, 1, 1, 512, 100, &e) && strstr(e.text, "--kv q8_0"), "\"%s\"", e.text);
    tiny_free(&t);
    return failures();
}
