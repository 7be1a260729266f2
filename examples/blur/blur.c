// Gaussian blur. The body is a PPM picture (P6); without one a picture of `?size=N` (1,000) is drawn.
// `?sigma=N` (10) is how much it is blurred. Answers a BMP, which browsers show.
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kMaxSide = 4096, kMaxRadius = 150, kChannels = 3 };

typedef struct picture {
  int width;
  int height;
  float* values;  // rows of pixels of red, green, blue
} picture;

static size_t count_of(const picture* p) {
  return (size_t)p->width * (size_t)p->height * kChannels;
}

static int number_in_query(const char* name, int fallback) {
  const char* query = getenv("QUERY_STRING");
  const char* at = query != NULL ? strstr(query, name) : NULL;
  return at != NULL ? (int)strtol(at + strlen(name), NULL, 10) : fallback;
}

static void draw(picture* p) {
  float* value = p->values;
  for (int y = 0; y < p->height; ++y) {
    for (int x = 0; x < p->width; ++x) {
      const bool dark = ((x * 10 / p->width) + (y * 10 / p->height)) % 2 == 0;
      const int dx = x - p->width / 2;
      const int dy = y - p->height / 2;
      const bool inside = dx * dx + dy * dy < p->width * p->height / 9;
      *value++ = inside ? 240.0f : dark ? 30.0f : 220.0f;
      *value++ = inside ? 90.0f : 255.0f * (float)x / (float)p->width;
      *value++ = dark ? 60.0f : 255.0f * (float)y / (float)p->height;
    }
  }
}

// False when the body is not a picture it can read.
static bool read_body(picture* p) {
  for (size_t i = 0; i < count_of(p); ++i) {
    const int byte = getchar();
    if (byte == EOF) return false;
    p->values[i] = (float)byte;
  }
  return true;
}

static bool load(picture* p) {
  int most = 0;
  const int found = scanf("P6 %d %d %d", &p->width, &p->height, &most);
  const bool from_body = found != EOF;
  if (from_body && (found != 3 || most != 255 || getchar() == EOF)) return false;
  if (!from_body) p->width = p->height = number_in_query("size=", 1000);
  if (p->width < 1 || p->height < 1 || p->width > kMaxSide || p->height > kMaxSide) return false;
  p->values = malloc(count_of(p) * sizeof *p->values);
  if (p->values == NULL) return false;
  if (from_body) return read_body(p);
  draw(p);
  return true;
}

static int make_kernel(float sigma, float* kernel) {
  int radius = (int)(3.0f * sigma);
  if (radius > kMaxRadius) radius = kMaxRadius;
  float sum = 0;
  for (int i = -radius; i <= radius; ++i) {
    kernel[i + radius] = expf(-(float)(i * i) / (2.0f * sigma * sigma));
    sum += kernel[i + radius];
  }
  for (int i = 0; i <= 2 * radius; ++i) kernel[i] /= sum;
  return radius;
}

// Blurs one line of `count` pixels that lie `step` values apart; beyond the ends the end pixels go on.
static void blur_line(float* line, int count, size_t step, const float* kernel, int radius) {
  static float padded[(kMaxSide + 2 * kMaxRadius) * kChannels];
  for (int i = -radius; i < count + radius; ++i) {
    const int from = i < 0 ? 0 : i >= count ? count - 1 : i;
    memcpy(&padded[(i + radius) * kChannels], &line[(size_t)from * step], kChannels * sizeof *line);
  }
  for (int i = 0; i < count; ++i) {
    float sum[kChannels] = {0};
    for (int k = 0; k <= 2 * radius; ++k) {
      for (int c = 0; c < kChannels; ++c) sum[c] += kernel[k] * padded[(i + k) * kChannels + c];
    }
    memcpy(&line[(size_t)i * step], sum, sizeof sum);
  }
}

static void blur(picture* p, float sigma) {
  float kernel[2 * kMaxRadius + 1];
  const int radius = make_kernel(sigma, kernel);
  const size_t row = (size_t)p->width * kChannels;
  for (int y = 0; y < p->height; ++y) blur_line(p->values + (size_t)y * row, p->width, kChannels, kernel, radius);
  for (int x = 0; x < p->width; ++x) blur_line(p->values + x * kChannels, p->height, row, kernel, radius);
}

static void put32(uint8_t* at, uint32_t value) {
  for (int i = 0; i < 4; ++i) at[i] = (uint8_t)(value >> (8 * i));
}

static void write_bmp(const picture* p) {
  const uint32_t row_size = ((uint32_t)p->width * kChannels + 3) & ~3u;
  uint8_t head[54] = {'B', 'M'};
  put32(head + 2, (uint32_t)sizeof head + row_size * (uint32_t)p->height);
  put32(head + 10, sizeof head);
  put32(head + 14, 40);
  put32(head + 18, (uint32_t)p->width);
  put32(head + 22, (uint32_t)p->height);
  head[26] = 1;   // planes
  head[28] = 24;  // bits per pixel
  fwrite(head, 1, sizeof head, stdout);
  static uint8_t row[kMaxSide * kChannels + 3];
  for (int y = p->height - 1; y >= 0; --y) {  // a BMP begins with its lowest row
    const float* value = p->values + (size_t)y * (size_t)p->width * kChannels;
    for (int x = 0; x < p->width; ++x, value += kChannels) {
      for (int c = 0; c < kChannels; ++c) row[x * kChannels + c] = (uint8_t)(value[kChannels - 1 - c] + 0.5f);
    }
    fwrite(row, 1, row_size, stdout);
  }
}

int main(void) {
  picture p = {0};
  const int sigma = number_in_query("sigma=", 10);
  if (sigma < 1 || sigma > 50 || !load(&p)) {
    printf("Status: 400 Bad Request\nContent-Type: text/plain\n\n");
    printf("send a PPM (P6, 8 bits) of at most %d x %d, and sigma from 1 to 50\n", kMaxSide, kMaxSide);
    return 0;
  }
  blur(&p, (float)sigma);
  printf("Content-Type: image/bmp\n\n");
  write_bmp(&p);
  return 0;
}
