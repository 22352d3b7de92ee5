/* NEON with fused multiplication and half floats, as 32-bit ARM has it since Cortex-A7 and A15. */
#include "neon_kernels.h"
#include "neon_floats.h"

void isa_neon32(trit_ops *ops)
{
    overlay_integer_kernels(ops);
    overlay_float_kernels(ops);
    ops->mix_q8f32 = mix_q8f32;
    ops->rmsnorm_f32 = NULL; /* it scales numbers up, also subnormal ones, which this NEON takes for 0 */
}
