import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The interface of kernels/Makefile around one small program, so that a build takes no time. It says how it was built, and notes what it is asked. */
const MAKEFILE = `
OUT ?= out
$(OUT)/trit: $(OUT)/main.o
	$(CC) $(ARCH_FLAGS) $(PROFILE) -o $@ $< $(if $(STATIC),-static)
$(OUT)/main.o: main.c FORCE
	@mkdir -p $(OUT)
	$(CC) -std=c11 $(ARCH_FLAGS) $(CFLAGS_EXTRA) $(PROFILE) -DPROFILE='"$(PROFILE)"' -DUNPROFILED='"$(UNPROFILED)"' -c -o $@ $<
.PHONY: FORCE
`;

const MAIN = `#include <stdio.h>
#include <string.h>
int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";
    if (!strcmp(command, "info"))
        return puts("{\\"isas\\":[{\\"name\\":\\"scalar\\",\\"compiled\\":true,\\"available\\":true},{\\"name\\":\\"big\\",\\"compiled\\":true,\\"available\\":false}]}") < 0;
    if (!strcmp(command, "synth") || !strcmp(command, "bench") || !strcmp(command, "run"))
        return 0;
    return printf("profile=%s unprofiled=%s\\n", PROFILE, UNPROFILED) < 0;
}
`;

/** Writes kernels/ of a root. */
export async function writeTinyEngine(root: string): Promise<void> {
  await mkdir(join(root, 'kernels'), { recursive: true });
  await writeFile(join(root, 'kernels/Makefile'), MAKEFILE);
  await writeFile(join(root, 'kernels/main.c'), MAIN);
}
