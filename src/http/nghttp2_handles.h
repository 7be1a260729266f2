// nghttp2's objects with an owner, and its bytes as text. For the .cc files of this folder.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/check.h"

namespace wasabi::http {

struct Nghttp2Deleter {
  void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  void operator()(nghttp2_session_callbacks* callbacks) const { nghttp2_session_callbacks_del(callbacks); }
  void operator()(nghttp2_option* option) const { nghttp2_option_del(option); }
};
using Nghttp2Session = std::unique_ptr<nghttp2_session, Nghttp2Deleter>;
using Nghttp2Callbacks = std::unique_ptr<nghttp2_session_callbacks, Nghttp2Deleter>;
using Nghttp2Option = std::unique_ptr<nghttp2_option, Nghttp2Deleter>;

inline Nghttp2Callbacks newNghttp2Callbacks() {
  nghttp2_session_callbacks* callbacks = nullptr;
  WASABI_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
  return Nghttp2Callbacks(callbacks);
}

inline Nghttp2Option newNghttp2Option() {
  nghttp2_option* option = nullptr;
  WASABI_CHECK(nghttp2_option_new(&option) == 0);
  return Nghttp2Option(option);
}

// What connections have in common, those that we serve and those to others.
inline Nghttp2Option newNghttp2Option(std::size_t max_outbound_acks) {
  constexpr std::size_t kMaxContinuations = 8;
  Nghttp2Option option = newNghttp2Option();
  nghttp2_option_set_no_auto_window_update(option.get(), 1);
  nghttp2_option_set_no_closed_streams(option.get(), 1);
  nghttp2_option_set_max_outbound_ack(option.get(), max_outbound_acks);
  nghttp2_option_set_max_continuations(option.get(), kMaxContinuations);
  return option;
}

inline std::string_view viewOf(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace wasabi::http
