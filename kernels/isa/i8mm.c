/* arm64 with SMMLA: the ternary kernels for several tokens. The rest is SDOT's. */
#include "neon_ternary.h"

void isa_i8mm(trit_ops *ops)
{
    overlay_ternary_kernels(ops);
}
