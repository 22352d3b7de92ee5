/* arm64 with SDOT: the integer kernels; floats are NEON's. */
#include "neon_kernels.h"

void isa_dotprod(trit_ops *ops)
{
    overlay_integer_kernels(ops);
}
