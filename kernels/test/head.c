/* The two-stage head against the full one: the same tokens and the same state of the generator, for heads and inputs that a screen
   must fear, in every type, on every ISA. */
#include "../encode.h"
#include "../head.h"
#include "expect.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 3001, K = 512 };
static uint64_t state = 1;

static uint32_t bits(void)
{
    uint64_t z = state += 0x9e3779b97f4a7c15u; /* splitmix64 */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)(z ^ (z >> 31));
}

static uint32_t draw(uint32_t n)
{
    return bits() % n;
}

static float bell(void)
{
    uint32_t b = bits();
    return (float)((int)((b & 255) + (b >> 8 & 255) + (b >> 16 & 255) + (b >> 24)) - 510) / 148;
}

typedef enum { NORMAL, OUTLIER_COLUMNS, OUTLIER_WEIGHTS, TWINS, NEAR_TWINS, SPARSE, HUGE_ROWS, TINY, TWO_VALUES, ZERO, KINDS } kind;
static const char *const kind_names[] = { "normal", "outlier columns", "outlier weights", "twins", "near twins", "sparse", "huge rows", "tiny", "two values", "zero" };

static void draw_head(kind of, float *w)
{
    for (size_t r = 0; r < ROWS; r++)
        for (size_t i = 0; i < K; i++) {
            float v = bell() / 16;
            switch (of) {
            case OUTLIER_COLUMNS:
                v *= i == 7 || i == 300 ? 200 : 1;
                break;
            case OUTLIER_WEIGHTS:
                v *= draw(300) ? 1 : 50;
                break;
            case TWINS: /* the likeliest token comes seven times */
                v = r >= 7 && r % 3 ? w[r % 7 * K + i] : v;
                break;
            case NEAR_TWINS:
                v = r ? w[i] + v / 4096 : v;
                break;
            case SPARSE:
                v = draw(40) ? 0 : v * 8;
                break;
            case HUGE_ROWS:
                v *= r % 97 ? 1 : 30000;
                break;
            case TINY:
                v *= 1e-6f;
                break;
            case TWO_VALUES:
                v = v < 0 ? -0.01f : 0.013f;
                break;
            case ZERO:
                v = r % 2 ? v : 0;
                break;
            default:
                break;
            }
            w[r * K + i] = v;
        }
}

/* Inputs: like noise, near a row, with an outlier, zero, not finite. */
enum { INPUTS = 12 };
static void draw_input(int number, const float *w, float *x)
{
    size_t row = draw(ROWS);
    for (size_t i = 0; i < K; i++) {
        x[i] = bell();
        if (number % 3 == 1)
            x[i] = w[row * K + i] * 16 + x[i] / 2;
        if (number % 3 == 2 && i == 7)
            x[i] *= 300;
        if (number == 9)
            x[i] = 0;
    }
    if (number == 10)
        x[100] = NAN;
    if (number == 11)
        x[300] = INFINITY;
}

typedef struct {
    const trit_ops *ops;
    pool *pool;
    activations *a;
    matrix full, mapped;
    screen screen;
    chooser *all, *few;
    head_counts plain, screened;
} head_test;

/* Returns whether the screen did. */
static bool compare(head_test *t, const float *x, sampler how, const char *what)
{
    size_t full = t->screened.full;
    sampler one = how, other = how;
    activations_set(t->a, x, 1, K);
    int32_t want = chooser_next(t->all, x, t->a, &one, &t->plain, t->ops, t->pool);
    int32_t got = chooser_next(t->few, x, t->a, &other, &t->screened, t->ops, t->pool);
    EXPECT(want == got && one.state == other.state, "%s, temperature %g, top-k %d, top-p %g: token %d instead of %d", what, (double)how.temperature,
           how.top_k, (double)how.top_p, got, want);
    return t->screened.full == full;
}

/* The error of every row, in parts of its bound; what the screen promises for weights and inputs without malice. */
static float worst_error(head_test *t, const float *x, float *typical)
{
    static float logits[ROWS], screened[ROWS];
    activations_set(t->a, x, 1, K);
    matrix_mul(&t->full, t->a, logits, t->ops, t->pool);
    matrix_mul(&t->screen.matrix, t->a, screened, t->ops, t->pool);
    screen_error e = screen_error_for(&t->screen, x);
    float worst = 0;
    double squares = 0;
    for (size_t r = 0; r < ROWS; r++) {
        float part = fabsf(logits[r] - screened[r]) / (t->screen.residual[r] * e.of_residual + t->screen.magnitude[r] * e.of_magnitude);
        worst = part > worst ? part : worst;
        squares += (double)part * (double)part;
    }
    *typical = (float)sqrt(squares / ROWS);
    return worst;
}

static void check_head(const float *w, kind of, uint32_t type, const char *isa, float scale)
{
    static uint8_t bytes[ROWS * K * 4];
    char what[128];
    trit_error e = { "" };
    const type_info *info = type_of(type);
    gguf_tensor tensor = { .name = { "output.weight", 13 }, .type = type, .info = info, .n_dims = 2, .ne = { K, ROWS, 1, 1 }, .rows = ROWS,
                           .data = bytes, .bytes = (size_t)ROWS * K / info->weights * info->bytes };
    encode_f32(type, w, bytes, (size_t)ROWS * K);
    head_test t = { .ops = ops_for(isa), .pool = pool_new(2, NULL, &e), .a = activations_new(1, K, &e) };
    bool ok = t.pool && t.a && matrix_load(&t.full, &tensor, &(matrix_options){ .layout = "t2", .scale = scale }, t.pool, &e) && matrix_map(&t.mapped, &tensor, scale, &e) &&
              screen_make(&t.screen, &tensor, scale, t.ops, t.pool, &e) && (t.all = chooser_new(&t.full, NULL, 2, &e)) &&
              (t.few = chooser_new(&t.mapped, &t.screen, 2, &e));
    snprintf(what, sizeof what, "%s, %s, %s", kind_names[of], info->name, isa);
    EXPECT(ok, "%s: %s", what, e.text);
    for (int i = 0; ok && i < INPUTS; i++) {
        static const sampler how[] = { { 0, 0, 1, 1 }, { 0.8f, 1, 1, 2 }, { 0.8f, 40, 1, 3 }, { 2, 40, 0.9f, 4 }, { 1, 256, 1, 5 }, { 1, 0, 0.9f, 6 } };
        float x[K], typical;
        draw_input(i, w, x);
        bool tame = of == NORMAL && i < 9 && i % 3 != 2;
        for (size_t j = 0; j < sizeof how / sizeof *how; j++) {
            bool screened = compare(&t, x, how[j], what);
            EXPECT(screened || !tame || how[j].top_k > 1 || j == 5, "%s, input %d, sampler %zu: the full head was read", what, i, j);
            EXPECT(!screened || (i < 10 && j != 5), "%s, input %d, sampler %zu: the full head was not read", what, i, j);
        }
        if (tame) {
            float worst = worst_error(&t, x, &typical);
            EXPECT(worst < 0.9f && typical < 0.15f && (typical > 0.06f || type == TYPE_Q4_0), "%s, input %d: errors of %.3f of the bound, at most %.3f",
                   what, i, (double)typical, (double)worst);
        }
    }
    if (getenv("HEAD_VERBOSE"))
        printf("%s: %.1f candidates a token, %zu of %zu from the full head\n", what, (double)t.screened.candidates / (double)t.screened.tokens,
               t.screened.full, t.screened.tokens);
    chooser_free(t.all);
    chooser_free(t.few);
    matrix_free(&t.full);
    screen_free(&t.screen);
    activations_free(t.a);
    pool_free(t.pool);
}

/* The same bytes on every ISA and with any number of threads; what is damaged is refused. */
static void check_blobs(const float *w)
{
    trit_error e = { "" };
    gguf_tensor tensor = { .type = TYPE_F32, .info = type_of(TYPE_F32), .n_dims = 2, .ne = { K, ROWS, 1, 1 }, .rows = ROWS, .data = (const uint8_t *)w,
                           .bytes = sizeof *w * ROWS * K };
    size_t bytes = screen_blob_bytes(&tensor);
    uint8_t *first = aligned_alloc(64, (bytes + 63) / 64 * 64), *other = aligned_alloc(64, (bytes + 63) / 64 * 64);
    for (int threads = 1; threads <= 3; threads++) {
        pool *p = pool_new(threads, NULL, &e);
        EXPECT(screen_fill(&tensor, threads == 1 ? first : other, ops_for(threads == 2 ? "scalar" : NULL), p, &e), "%s", e.text);
        EXPECT(threads == 1 || !memcmp(first, other, bytes), "%d threads", threads);
        pool_free(p);
    }
    pool *p = pool_new(1, NULL, &e);
    screen s;
    EXPECT(screen_adopt(&s, &tensor, 1, first, false, &e), "%s", e.text);
    screen_free(&s);
    float bad = NAN;
    memcpy(first + bytes - sizeof bad, &bad, sizeof bad);
    EXPECT(!screen_adopt(&s, &tensor, 1, first, false, &e) && strstr(e.text, "damaged"), "%s", e.text);
    float *broken = malloc(sizeof *w * ROWS * K);
    memcpy(broken, w, sizeof *w * ROWS * K);
    broken[5 * K + 3] = INFINITY;
    tensor.data = (const uint8_t *)broken;
    EXPECT(!screen_make(&s, &tensor, 1, ops_for(NULL), p, &e) && strstr(e.text, "row 5"), "%s", e.text);
    tensor.ne[0] = 48;
    EXPECT(!screen_possible(&tensor) && !screen_pays(&tensor), "rows that are no whole blocks");
    pool_free(p);
    free(first);
    free(other);
    free(broken);
}

int main(void)
{
    static const uint32_t types[] = { TYPE_F16, TYPE_BF16, TYPE_F32, TYPE_Q8_0, TYPE_Q6_K, TYPE_Q4_0 };
    static float w[ROWS * K];
    size_t best = 0;
    for (size_t i = 0; i < isa_count(); i++)
        if (isa_at(i).available)
            best = i;
    for (kind of = NORMAL; of < (WATCHED_THREADS ? OUTLIER_COLUMNS : KINDS); of++) { /* threads share their work in the same way for all kinds */
        draw_head(of, w);
        if (of == NORMAL)
            check_blobs(w);
        for (size_t i = 0; i < isa_count(); i++)
            for (size_t j = 0; j < sizeof types / sizeof *types; j++)
                if (isa_at(i).available && (i == best || j == (of + i) % 6)) /* all types on the best, one a kind on the others: in the end all with all */
                    check_head(w, of, types[j], isa_at(i).name, j % 2 ? -1.5f : 1);
    }
    return failures();
}
