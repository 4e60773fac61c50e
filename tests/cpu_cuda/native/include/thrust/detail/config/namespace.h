// What CuPy's complex numbers, which come from Thrust, need of it.
#pragma once
#define THRUST_NAMESPACE_BEGIN namespace thrust {
#define THRUST_NAMESPACE_END }
