#include "oci/http_transfer.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "oci/reference.h"

namespace wasabi::oci {
namespace {

struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using FieldList = std::unique_ptr<curl_slist, ListDeleter>;

FieldList listOf(const std::vector<std::string>& fields) {
  FieldList list;
  for (const std::string& field : fields) {
    curl_slist* longer = curl_slist_append(list.get(), field.c_str());
    WASABI_CHECK(longer != nullptr);
    (void)list.release();
    list.reset(longer);
  }
  return list;
}

long milliseconds(Duration duration) {
  return static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

// What the callbacks of one request share.
struct Exchange {
  const HttpRequest& request;
  const HttpReceiver& receiver;
  const std::stop_token& stop;
  const AddressFilter& may_connect;
  std::size_t head_limit;
  HttpReply reply{};
  std::uint64_t sent = 0;
  std::size_t head_bytes = 0;
  bool head_seen = false;
  bool wanted = false;
  std::optional<Error> error{};  // why a callback ended it

  bool fails(Error why) {
    error = std::move(why);
    return false;
  }
};

void addField(HttpHead& head, std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  auto [field, is_new] = head.fields.emplace(lowerCase(line.substr(0, colon)), trim(line.substr(colon + 1)));
  if (!is_new) field->second += ", " + std::string(trim(line.substr(colon + 1)));
}

std::size_t onHeadLine(char* data, std::size_t size, std::size_t count, void* context) {
  auto& exchange = *static_cast<Exchange*>(context);
  const std::string_view line(data, size * count);
  // A status line begins anew: 100 Continue and a proxy's answer come before the one that counts.
  if (line.starts_with("HTTP/")) exchange.reply.head.fields.clear();
  exchange.head_bytes += line.size();
  if (exchange.head_bytes > exchange.head_limit) {
    exchange.fails(
        {ErrorCode::kExhausted, fmt::format("the head of its answer has more than {} bytes", exchange.head_limit)});
    return 0;
  }
  addField(exchange.reply.head, line);
  return line.size();
}

bool takeContent(Exchange& exchange, CURL* curl, std::string_view bytes) {
  if (!exchange.head_seen) {
    exchange.head_seen = true;
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    exchange.reply.head.status = static_cast<int>(status);
    if (exchange.receiver.wants) {
      auto wanted = exchange.receiver.wants(exchange.reply.head);
      if (!wanted) return exchange.fails(std::move(wanted).error());
      exchange.wanted = *wanted;
    }
  }
  if (exchange.wanted) {
    auto taken = exchange.receiver.take(bytes);
    return taken || exchange.fails(std::move(taken).error());
  }
  std::string& text = exchange.reply.text;
  text.append(bytes.substr(0, kMaxKeptBytes - text.size()));
  return text.size() < kMaxKeptBytes;
}

struct Callbacks {
  Exchange& exchange;
  CURL* curl;
};

std::size_t onContent(char* data, std::size_t size, std::size_t count, void* context) {
  auto& callbacks = *static_cast<Callbacks*>(context);
  const bool taken = takeContent(callbacks.exchange, callbacks.curl, {data, size * count});
  return taken ? size * count : 0;
}

std::size_t onSend(char* to, std::size_t size, std::size_t count, void* context) {
  auto& exchange = *static_cast<Exchange*>(context);
  const HttpBody& body = exchange.request.body;
  const auto room = static_cast<std::size_t>(std::min<std::uint64_t>(size * count, body.bytes() - exchange.sent));
  std::size_t done = 0;
  if (body.fd < 0) {
    std::memcpy(to, body.text.data() + exchange.sent, room);
    done = room;
  }
  while (body.fd >= 0 && done < room) {
    const ssize_t got = pread(body.fd, to + done, room - done, static_cast<off_t>(body.offset + exchange.sent + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      exchange.fails(got < 0 ? Error::fromErrno("read", errno)
                             : Error(ErrorCode::kCorrupt, "the file became shorter while it was sent"));
      return CURL_READFUNC_ABORT;
    }
    done += static_cast<std::size_t>(got);
  }
  exchange.sent += done;
  if (exchange.receiver.sent) exchange.receiver.sent(exchange.sent);
  return done;
}

// When a kept connection turns out to be closed, curl sends the body again on a new one.
int onRewind(void* context, curl_off_t offset, int origin) {
  if (origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_FAIL;
  static_cast<Exchange*>(context)->sent = static_cast<std::uint64_t>(offset);
  return CURL_SEEKFUNC_OK;
}

int onProgress(void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Exchange*>(context)->stop.stop_requested() ? 1 : 0;
}

curl_socket_t onSocket(void* context, curlsocktype, curl_sockaddr* address) {
  auto& exchange = *static_cast<Exchange*>(context);
  if (exchange.may_connect && !exchange.may_connect(address->addr, address->addrlen)) {
    exchange.fails({ErrorCode::kDenied, "its address is one that must not be connected to"});
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

ErrorCode codeOf(CURLcode code) {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return ErrorCode::kTimeout;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
      return ErrorCode::kDenied;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
      return ErrorCode::kInvalid;
    case CURLE_OUT_OF_MEMORY:
      return ErrorCode::kExhausted;
    default:
      return ErrorCode::kUnavailable;
  }
}

std::string_view mendOf(CURLcode code) {
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
      return "; if its certificate is your own, give its authority";
    case CURLE_SSL_CONNECT_ERROR:
      return "; if it speaks plain HTTP, ask for that";
    default:
      return "";
  }
}

}  // namespace

std::string_view HttpHead::field(std::string_view name) const {
  const auto found = fields.find(name);
  return found == fields.end() ? std::string_view() : std::string_view(found->second);
}

struct HttpTransfer::Handle {
  // Counted by curl: the last one frees what is common.
  Handle() : library(curl_global_init(CURL_GLOBAL_DEFAULT)), curl(curl_easy_init()) {
    WASABI_CHECK(library == CURLE_OK);
    WASABI_CHECK(curl != nullptr);
  }
  ~Handle() {
    curl_easy_cleanup(curl);
    curl_global_cleanup();
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  CURLcode library;
  CURL* curl;
  std::array<char, CURL_ERROR_SIZE> words{};

  void prepare(const RegistryOptions& options, const Url& url);
  void prepareBody(const HttpRequest& request, Exchange& exchange);
  Error problem(CURLcode code, const Url& url, Exchange& exchange) const;
};

void HttpTransfer::Handle::prepare(const RegistryOptions& options, const Url& url) {
  curl_easy_reset(curl);
  words.fill('\0');
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, words.data());
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_URL, url.text().c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, url.isHttps() ? "https" : "http");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, options.user_agent.c_str());
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(options.limits.connect));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, std::max(1L, milliseconds(options.limits.stall) / 1000));
  if (!options.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, options.ca_file.c_str());
  // A proxy cannot reach what is on this machine.
  if (isLoopback(url.authority())) curl_easy_setopt(curl, CURLOPT_PROXY, "");
}

void HttpTransfer::Handle::prepareBody(const HttpRequest& request, Exchange& exchange) {
  if (request.method == "HEAD") curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  if (request.has_body) {
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.body.bytes()));
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, onSend);
    curl_easy_setopt(curl, CURLOPT_READDATA, &exchange);
    curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, onRewind);
    curl_easy_setopt(curl, CURLOPT_SEEKDATA, &exchange);
  }
  if (request.method != "GET" && request.method != "HEAD") {
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
}

Error HttpTransfer::Handle::problem(CURLcode code, const Url& url, Exchange& exchange) const {
  if (exchange.error) return std::move(*exchange.error).within(url.authority());
  if (exchange.stop.stop_requested()) return {ErrorCode::kUnavailable, "cancelled"};
  const char* why = words[0] != '\0' ? words.data() : curl_easy_strerror(code);
  return {codeOf(code), fmt::format("{}: {}{}", url.authority(), why, mendOf(code))};
}

HttpTransfer::HttpTransfer(RegistryOptions options)
    : handle_(std::make_unique<Handle>()), options_(std::move(options)) {}

HttpTransfer::~HttpTransfer() = default;

Result<HttpReply> HttpTransfer::perform(const Url& url, const HttpRequest& request, const HttpReceiver& receiver,
                                        const std::stop_token& stop) {
  CURL* curl = handle_->curl;
  handle_->prepare(options_, url);
  Exchange exchange{request, receiver, stop, options_.may_connect,
                    static_cast<std::size_t>(options_.limits.head_fields.value)};
  Callbacks callbacks{exchange, curl};
  handle_->prepareBody(request, exchange);
  const FieldList fields = listOf(request.fields);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, fields.get());
  curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, onSocket);
  curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, onHeadLine);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, onContent);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &callbacks);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, onProgress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &exchange);

  const CURLcode code = curl_easy_perform(curl);
  // An answer that nobody wants more of is whole enough.
  const bool cut_by_us = code == CURLE_WRITE_ERROR && !exchange.error && exchange.head_seen;
  if (code != CURLE_OK && !cut_by_us) return fail(handle_->problem(code, url, exchange));
  if (!exchange.head_seen && !takeContent(exchange, curl, {})) return fail(handle_->problem(code, url, exchange));
  return std::move(exchange.reply);
}

}  // namespace wasabi::oci
