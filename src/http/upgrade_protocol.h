// Which protocols a connection may be handed over to.
#pragma once

#include <string_view>

#include "http/character_class.h"

namespace wasabi::http {

// HTTP and TLS speak about this connection itself. Passed on to somebody behind us, `h2c` would open him a way past all
// that looks at requests here.
inline bool isTunnelProtocol(std::string_view protocol) {
  const std::string_view name = protocol.substr(0, protocol.find('/'));
  if (!isTokenText(name)) return false;
  for (const std::string_view ours : {"h2c", "h2", "http", "tls"}) {
    if (equalsIgnoringCase(name, ours)) return false;
  }
  return true;
}

}  // namespace wasabi::http
