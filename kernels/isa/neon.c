/* NEON as every arm64 core has it. */
#include "neon_kernels.h"
#include "neon_floats.h"

void isa_neon(trit_ops *ops)
{
    overlay_integer_kernels(ops);
    overlay_float_kernels(ops);
    ops->mix_q8f32 = mix_q8f32;
}
