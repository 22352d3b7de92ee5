#include "options.h"
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *current = ""; /* the command whose options were parsed: its name stands before every sentence */

int complain(const char *command, int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *name = command ? command : current;
    fflush(stdout);
    fprintf(stderr, *name ? "trit %s: " : "trit%s: ", name);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return status;
}

static const char *kind_name(const option *o)
{
    return o->argument ? o->argument : o->kind == OPTION_TEXT ? "TEXT" : "N";
}

static void print_help(const char *command, const option *table, size_t count, const char *synopsis, const char *about)
{
    printf("usage: trit %s %s\n\n%s\n\noptions:\n", command, synopsis, about);
    for (size_t i = 0; i < count; i++) {
        char left[64];
        const option *o = &table[i];
        snprintf(left, sizeof left, "%c%c%s --%s%s%s", o->letter ? '-' : ' ', o->letter ? o->letter : ' ', o->letter ? "," : " ",
                 o->name, o->kind == OPTION_FLAG ? "" : " ", o->kind == OPTION_FLAG ? "" : kind_name(o));
        printf("  %-26s %s\n", left, o->help);
    }
    printf("  %-26s %s\n", "-h, --help", "this text");
}

static int bad_number(const char *command, const option *o, const char *text)
{
    const char *what = o->kind == OPTION_INT ? "a whole number" : "a number";
    if (o->low == 0 && o->high == 0)
        return complain(command, 2, "--%s wants %s, not \"%s\"; see trit %s --help", o->name, what, text, command);
    return complain(command, 2, "--%s wants %s from %.15g to %.15g, not \"%s\"; see trit %s --help", o->name, what, o->low,
                    o->high, text, command);
}

/* Stores one option's argument. Returns -1, or 2 after a sentence. */
static int store(const char *command, const option *o, const char *text)
{
    char *end;
    errno = 0;
    switch (o->kind) {
    case OPTION_FLAG:
        *(bool *)o->value = true;
        return -1;
    case OPTION_TEXT:
        *(const char **)o->value = text;
        return -1;
    case OPTION_INT: {
        long long v = strtoll(text, &end, 10);
        if (end == text || *end || errno || ((o->low != 0 || o->high != 0) && ((double)v < o->low || (double)v > o->high)))
            return bad_number(command, o, text);
        *(int64_t *)o->value = v;
        return -1;
    }
    case OPTION_FLOAT: {
        double v = strtod(text, &end);
        if (end == text || *end || !isfinite(v) || ((o->low != 0 || o->high != 0) && (v < o->low || v > o->high)))
            return bad_number(command, o, text);
        *(double *)o->value = v;
        return -1;
    }
    }
    return -1;
}

enum { MAX_OPTIONS = 40, LONG_BASE = 1000 };

int options_parse(int argc, char **argv, const option *table, size_t count, const char *synopsis, const char *about)
{
    struct option *forms = calloc(count + 2, sizeof *forms);
    char letters[2 * MAX_OPTIONS + 4] = ":h"; /* the colon: getopt tells a missing argument from an unknown option */
    size_t used = 2;
    const char *command = current = argv[0];
    int status = -1;
    if (!forms || count > MAX_OPTIONS) {
        free(forms);
        return complain(command, 1, "not enough memory to read the options");
    }
    for (size_t i = 0; i < count; i++) {
        bool wants = table[i].kind != OPTION_FLAG;
        forms[i] = (struct option){ table[i].name, wants ? required_argument : no_argument, NULL, LONG_BASE + (int)i };
        if (table[i].letter)
            letters[used++] = table[i].letter;
        if (table[i].letter && wants)
            letters[used++] = ':';
    }
    forms[count] = (struct option){ "help", no_argument, NULL, 'h' };

    int c;
    opterr = 0;
    while (status == -1 && (c = getopt_long(argc, argv, letters, forms, NULL)) != -1) {
        if (c == 'h') {
            print_help(command, table, count, synopsis, about);
            status = 0;
        } else if (c == ':') {
            status = complain(command, 2, "%s wants an argument; see trit %s --help", argv[optind - 1], command);
        } else if (c == '?') {
            if (optopt && optopt < LONG_BASE)
                status = complain(command, 2, "there is no option -%c; see trit %s --help", optopt, command);
            else
                status = complain(command, 2, "there is no option %s like that; see trit %s --help", argv[optind - 1], command);
        } else {
            size_t i = (size_t)(c - LONG_BASE);
            for (size_t j = 0; c < LONG_BASE && j < count; j++)
                if (table[j].letter == c)
                    i = j;
            status = store(command, &table[i], optarg);
        }
    }
    if (status == -1 && optind < argc)
        status = complain(command, 2, "surplus argument \"%s\"; see trit %s --help", argv[optind], command);
    free(forms);
    return status;
}
