// What Go's text/template does to a text by js, html and urlquery. For the .cc files of this folder.
#pragma once

#include <string>
#include <string_view>

namespace wasabi::queueproxy {

// template.JSEscapeString. Bytes that are no UTF-8 become \uFFFD.
std::string jsEscaped(std::string_view text);
// template.HTMLEscapeString.
std::string htmlEscaped(std::string_view text);
// url.QueryEscape.
std::string queryEscaped(std::string_view text);

}  // namespace wasabi::queueproxy
