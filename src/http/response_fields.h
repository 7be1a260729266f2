// Which of a handler's fields go out in a response.
#pragma once

#include "http/character_class.h"
#include "http/message.h"

namespace wasabi::http {

// Framing and what speaks about the connection is the server's own; what is no valid field would break the message.
inline bool isForHandlers(Fields::Field field) {
  return isTokenText(field.name) && isValueText(field.value) && field.name != "content-length" &&
         !isHopByHop(field.name);
}

inline bool hasNoBody(const RequestHead& request, std::uint16_t status) {
  return request.method == "HEAD" || status == 204 || status == 304;
}

}  // namespace wasabi::http
