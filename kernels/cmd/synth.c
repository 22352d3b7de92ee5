/* trit synth: a synthetic twin of a known model, made here instead of uploaded. */
#include "../clock.h"
#include "../json.h"
#include "../synth.h"
#include "options.h"
#include "unfinished.h"
#include <stdio.h>
#include <string.h>

static int known_presets(const char *wrong)
{
    char list[256] = "";
    for (size_t i = 0; preset_name(i); i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? ", " : "", preset_name(i));
    return wrong ? complain("synth", 2, "there is no preset \"%s\"; known are %s", wrong, list)
                 : complain("synth", 2, "--preset is needed; known are %s", list);
}

int cmd_synth(int argc, char **argv)
{
    const char *preset_text = NULL, *type_text = NULL, *head_text = NULL, *arch = NULL, *path = NULL, *format = "text";
    int64_t seed = 1, threads = 0;
    const option table[] = {
        { "preset", 'p', OPTION_TEXT, &preset_text, "NAME", "bitnet-2b-4t, tinyllama-1.1b, llama3-8b, falcon3-1b or tiny", 0, 0 },
        { "type", 0, OPTION_TEXT, &type_text, "TYPE", "i2_s, tq1_0, tq2_0, t1, or t2 to t4 and dense types for llama presets (the preset's)", 0,
          0 },
        { "head", 0, OPTION_TEXT, &head_text, "TYPE", "type of the output matrix: f16, q8_0, q6_k, q4_0 ... (the preset's)", 0,
          0 },
        { "arch", 0, OPTION_TEXT, &arch, "NAME", "bitnet: what bitnet.cpp and llama.cpp read of a BitNet preset", 0, 0 },
        { "output", 'o', OPTION_TEXT, &path, "FILE", "GGUF to write", 0, 0 },
        { "seed", 's', OPTION_INT, &seed, "N", "other seed, other weights (1)", 0, 9007199254740992.0 },
        { "threads", 't', OPTION_INT, &threads, "N", "threads (0: one for each fast core); the bytes do not depend on it", 0,
          512 },
        { "format", 0, OPTION_TEXT, &format, "text|json", "how to report", 0, 0 },
    };
    int status = options_parse(argc, argv, table, sizeof table / sizeof *table, "--preset NAME [--type T] [--head T] -o FILE",
                               "Writes a model of the exact shape and size of a known one with random weights.");
    if (status >= 0)
        return status;
    const preset *p = preset_text ? preset_named(preset_text) : NULL;
    if (!p)
        return known_presets(preset_text);
    if (!path || !*path)
        return complain("synth", 2, "-o FILE is needed: where to write the model");
    if (strcmp(format, "text") && strcmp(format, "json"))
        return complain("synth", 2, "--format is text or json, not \"%s\"", format);
    const type_info *type = type_text ? type_named(type_text) : preset_type(p),
                    *head = head_text ? type_named(head_text) : preset_head(p);
    if (!type || !head)
        return complain("synth", 2, "there is no type \"%s\"", type ? head_text : type_text);
    if (!preset_takes(p, type, head))
        return complain("synth", 2, "%s cannot have %s matrices with a %s head: BitNet presets are ternary, and no head is",
                        preset_text, type->name, head->name);
    if (arch && !preset_takes_arch(p, arch))
        return complain("synth", 2, "the tensors of %s do not make a model of architecture \"%s\"; leave --arch out", preset_text, arch);

    trit_error e;
    int64_t begin = clock_ns();
    pool *workers = pool_new((int)threads, NULL, &e);
    if (!workers)
        return complain("synth", 1, "%s", e.text);
    gguf_out *out = gguf_create(path, &e);
    if (out)
        remove_when_interrupted(gguf_part(out));
    if (!out || !synth_write(out, p, arch, type, head, (uint64_t)seed, workers, &e)) {
        gguf_discard(out);
        pool_free(workers);
        return complain("synth", 1, "%s", e.text);
    }
    pool_free(workers);
    uint64_t bytes = gguf_out_size(out);
    bool good = gguf_commit(out, &e);
    remove_when_interrupted(NULL);
    if (!good)
        return complain("synth", 1, "%s", e.text);
    double seconds = (double)(clock_ns() - begin) * 1e-9;
    if (strcmp(format, "json")) {
        fprintf(stderr, "%s: %s, %s with %s head, seed %lld, %.1f MB in %.1f s\n", path, preset_text, type->name, head->name,
                (long long)seed, (double)bytes / 1e6, seconds);
        return 0;
    }
    json_writer w;
    json_begin(&w, stdout);
    json_open(&w, NULL, '{');
    json_text(&w, "file", path);
    json_text(&w, "preset", preset_text);
    json_text(&w, "type", type->name);
    json_text(&w, "head", head->name);
    json_integer(&w, "seed", seed);
    json_integer(&w, "bytes", (int64_t)bytes);
    json_number(&w, "seconds", seconds);
    json_close(&w, '}');
    json_end_line(&w);
    return 0;
}
