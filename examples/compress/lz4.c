#include "lz4.h"

#include <string.h>

enum {
  kMinMatch = 4,
  kLastLiterals = 5,  // a block ends with so many literals at least
  kMatchMargin = 12,  // and its last match starts so far before the end
  kMaxDistance = 65535,
  kHashBits = 12,
};

static uint32_t read32(const uint8_t* at) {
  uint32_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

static uint32_t hash(uint32_t value) {
  return (value * 2654435761u) >> (32 - kHashBits);
}

// A length beyond the four bits of the token goes on in bytes of 255.
static uint8_t* write_length(uint8_t* out, size_t rest) {
  for (; rest >= 255; rest -= 255) *out++ = 255;
  *out++ = (uint8_t)rest;
  return out;
}

static uint8_t* write_literals(uint8_t* out, uint8_t** token, const uint8_t* from, size_t size) {
  *token = out++;
  **token = (uint8_t)((size < 15 ? size : 15) << 4);
  if (size >= 15) out = write_length(out, size - 15);
  memcpy(out, from, size);
  return out + size;
}

static uint8_t* write_match(uint8_t* out, uint8_t* token, size_t distance, size_t length) {
  *out++ = (uint8_t)(distance & 0xff);
  *out++ = (uint8_t)(distance >> 8);
  const size_t coded = length - kMinMatch;
  *token |= (uint8_t)(coded < 15 ? coded : 15);
  return coded >= 15 ? write_length(out, coded - 15) : out;
}

static size_t match_length(const uint8_t* a, const uint8_t* b, const uint8_t* end) {
  const uint8_t* start = a;
  while (a < end && *a == *b) ++a, ++b;
  return (size_t)(a - start);
}

size_t lz4_compress(const uint8_t* input, size_t size, uint8_t* out) {
  uint32_t last_seen[1 << kHashBits];  // position + 1 of the last four bytes with this hash
  memset(last_seen, 0, sizeof last_seen);
  uint8_t* const start = out;
  uint8_t* token;
  size_t literals_from = 0;
  for (size_t at = 0; at + kMatchMargin <= size;) {
    uint32_t* const slot = &last_seen[hash(read32(input + at))];
    const size_t candidate = *slot - 1;
    const int found = *slot != 0 && at - candidate <= kMaxDistance && read32(input + candidate) == read32(input + at);
    *slot = (uint32_t)(at + 1);
    if (!found) {
      ++at;
      continue;
    }
    const size_t length = match_length(input + at, input + candidate, input + size - kLastLiterals);
    out = write_literals(out, &token, input + literals_from, at - literals_from);
    out = write_match(out, token, at - candidate, length);
    at += length;
    literals_from = at;
  }
  out = write_literals(out, &token, input + literals_from, size - literals_from);
  return (size_t)(out - start);
}
