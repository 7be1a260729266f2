// JSON compression as in the paper's workload: strings of 100 letters and digits, each LZ4 and base64.
// `?strings=N` makes so many of them (200,000 if not told); a body is compressed instead, line by line.
// The answer is JSON: sizes, and the first string with what became of it.
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lz4.h"

enum { kMaxLine = 64 * 1024, kGeneratedSize = 100 };

typedef struct totals {
  long strings;
  long long bytes_in;
  long long bytes_out;
  char first[kGeneratedSize + 1];
  char first_coded[4 * LZ4_BOUND(kGeneratedSize) / 3 + 8];
} totals;

static size_t base64(const uint8_t* data, size_t size, char* out) {
  static const char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  char* at = out;
  for (size_t i = 0; i < size; i += 3) {
    const size_t have = size - i < 3 ? size - i : 3;
    const uint32_t bits =
        (uint32_t)data[i] << 16 | (have > 1 ? (uint32_t)data[i + 1] << 8 : 0) | (have > 2 ? data[i + 2] : 0);
    *at++ = kDigits[bits >> 18 & 63];
    *at++ = kDigits[bits >> 12 & 63];
    *at++ = have > 1 ? kDigits[bits >> 6 & 63] : '=';
    *at++ = have > 2 ? kDigits[bits & 63] : '=';
  }
  *at = '\0';
  return (size_t)(at - out);
}

static void compress_one(totals* sum, const char* text, size_t size) {
  static uint8_t block[LZ4_BOUND(kMaxLine)];
  static char coded[4 * sizeof block / 3 + 8];
  const size_t coded_size = base64(block, lz4_compress((const uint8_t*)text, size, block), coded);
  if (sum->strings == 0 && size <= kGeneratedSize) {
    memcpy(sum->first, text, size);
    memcpy(sum->first_coded, coded, coded_size + 1);
  }
  ++sum->strings;
  sum->bytes_in += (long long)size;
  sum->bytes_out += (long long)coded_size;
}

static bool compress_lines(totals* sum) {
  static char line[kMaxLine];
  while (fgets(line, sizeof line, stdin) != NULL) compress_one(sum, line, strcspn(line, "\n"));
  return sum->strings > 0;
}

static void compress_generated(totals* sum, long strings) {
  static const char kLetters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  uint64_t state = 0x9e3779b97f4a7c15u;
  char text[kGeneratedSize];
  for (long i = 0; i < strings; ++i) {
    for (size_t at = 0; at < sizeof text; ++at) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      text[at] = kLetters[(state >> 33) % (sizeof kLetters - 1)];
    }
    compress_one(sum, text, sizeof text);
  }
}

int main(void) {
  static totals sum;
  const char* query = getenv("QUERY_STRING");
  const char* strings = query != NULL ? strstr(query, "strings=") : NULL;
  if (!compress_lines(&sum)) compress_generated(&sum, strings != NULL ? strtol(strings + 8, NULL, 10) : 200000);
  printf("Content-Type: application/json\n\n");
  printf("{\"strings\": %ld, \"bytes_in\": %lld, \"bytes_out\": %lld, \"first_coded\": \"%s\"}\n", sum.strings,
         sum.bytes_in, sum.bytes_out, sum.first_coded);
  return 0;
}
