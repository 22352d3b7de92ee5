/* trit: one binary, one command a row of commands.inc. */
#include "../version.h"
#include "options.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COMMAND(name, help) int cmd_##name(int argc, char **argv);
#include "commands.inc"
#undef COMMAND

static const struct {
    const char *name, *help;
    int (*run)(int argc, char **argv);
} commands[] = {
#define COMMAND(name, help) { #name, help, cmd_##name },
#include "commands.inc"
#undef COMMAND
};
enum { COUNT = sizeof commands / sizeof *commands };

static void print_help(FILE *out)
{
    fprintf(out, "usage: trit <command> [options]\n\n"
                 "Runs ternary language models (BitNet b1.58) and their dense relatives from GGUF files.\n\n");
    for (int i = 0; i < COUNT; i++)
        fprintf(out, "  %-11s %s\n", commands[i].name, commands[i].help);
    fprintf(out, "\n\"trit <command> --help\" lists the options of a command; \"trit --version\" prints the version.\n");
}

/* A reader that went away (trit ... | head) is no error to talk about. */
static void on_pipe(int signal_number)
{
    (void)signal_number;
    _exit(1);
}

/* Weights are read from the mapped file; a file that shrinks or a disk that fails shows itself only here. Other causes of the signal are
   faults of ours: they end the program as they would without this. */
static void on_bus_error(int signal_number, siginfo_t *info, void *context)
{
    static const char sentence[] = "trit: a part of the model file can no longer be read, or of the prompt cache: it was cut short or its disk failed; "
                                   "put it back and start again\n";
    (void)context;
    if (info->si_code == BUS_ADRERR) {
        if (write(STDERR_FILENO, sentence, sizeof sentence - 1) < 0) {
            /* nobody reads it: the status says enough */
        }
        _exit(1);
    }
    signal(signal_number, SIG_DFL);
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return 2;
    }
    const char *name = argv[1];
    if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
        print_help(stdout);
        return 0;
    }
    if (!strcmp(name, "--version")) {
        printf("trit %s\n", trit_version);
        return 0;
    }
    for (int i = 0; i < COUNT; i++)
        if (!strcmp(name, commands[i].name))
            return commands[i].run(argc - 1, argv + 1);
    return complain("", 2, "there is no command \"%s\"; \"trit --help\" lists them", name);
}

int main(int argc, char **argv)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_pipe;
    sigaction(SIGPIPE, &action, NULL);
    action.sa_flags = SA_SIGINFO;
    action.sa_sigaction = on_bus_error;
    sigaction(SIGBUS, &action, NULL);
    int status = dispatch(argc, argv);
    errno = 0;
    if ((fflush(stdout) || ferror(stdout)) && status == 0)
        status = complain("", 1, "could not write the output: %s", strerror(errno ? errno : EIO));
    return status;
}
