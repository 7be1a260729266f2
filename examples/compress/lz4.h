// LZ4 block compression (https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md).
#ifndef WASABI_EXAMPLES_LZ4_H
#define WASABI_EXAMPLES_LZ4_H

#include <stddef.h>
#include <stdint.h>

// The most that `size` bytes can become.
#define LZ4_BOUND(size) ((size) + (size) / 255 + 16)

// Writes the block to `out`, which has room for LZ4_BOUND(size) bytes; returns its size. `size` is below 2 GiB.
size_t lz4_compress(const uint8_t* input, size_t size, uint8_t* out);

#endif
