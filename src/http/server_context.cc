#include "http/server_context.h"

#include <array>

namespace wasabi::http {

std::string_view DateCache::value() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (now.tv_sec == second_) return text_;
  second_ = now.tv_sec;
  std::tm parts{};
  ::gmtime_r(&second_, &parts);
  std::array<char, 40> text{};
  // The "C" locale's names are what RFC 9110 section 5.6.7 wants, and nobody here sets another.
  const std::size_t size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  text_.assign(text.data(), size);
  return text_;
}

}  // namespace wasabi::http
