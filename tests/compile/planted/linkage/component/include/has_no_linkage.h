#pragma once

#ifdef __cplusplus
template <typename T> T twice(T value)
{
    return value + value;
}
#endif
