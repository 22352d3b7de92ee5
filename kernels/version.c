#include "version.h"

const char trit_version[] = TRIT_VERSION;
const char trit_compiler[] = TRIT_COMPILER;
const char trit_flags[] = TRIT_FLAGS;
