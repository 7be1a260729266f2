#include "oci/reference.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "base/text.h"

namespace wasabi::oci {
namespace {

constexpr std::string_view kScheme = "oci://";
constexpr std::string_view kDockerHub = "docker.io";
constexpr std::string_view kForm = "write oci://host[:port]/repository[:tag][@sha256:...]";

bool isLowerOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool isLetterOrDigit(char c) {
  return isLowerOrDigit(toLower(c));
}

tl::unexpected<Error> wrong(std::string_view why) {
  return fail(ErrorCode::kInvalid, fmt::format("{}; {}", why, kForm));
}

bool isHostName(std::string_view host) {
  if (host.empty() || host.size() > 253) return false;
  const auto isPart = [](char c) { return isLowerOrDigit(c) || c == '-' || c == '.'; };
  return std::ranges::all_of(host, isPart) && host.front() != '-' && host.front() != '.' && host.back() != '-' &&
         host.back() != '.' && host.find("..") == std::string_view::npos;
}

bool isBracketedIpv6(std::string_view host) {
  if (host.size() < 4 || host.front() != '[' || host.back() != ']') return false;
  const std::string inner(host.substr(1, host.size() - 2));
  in6_addr address{};
  return inet_pton(AF_INET6, inner.c_str(), &address) == 1;
}

Result<std::string> parseRegistry(std::string_view text) {
  const std::string registry = lowerCase(text);
  const HostAndPort parts = splitAuthority(registry);
  if (!isHostName(parts.host) && !isBracketedIpv6(parts.host)) {
    return wrong(fmt::format("'{}' is no host name or address", text));
  }
  const bool has_port = registry.size() != parts.host.size();
  if (has_port) {
    const auto port = parseDecimal<std::uint16_t>(parts.port);
    if (!port || *port == 0) return wrong(fmt::format("'{}' is no port (1 to 65535)", parts.port));
  }
  return registry;
}

// [a-z0-9]+ joined by '.', '_', '__' or any number of '-'.
bool isPathComponent(std::string_view part) {
  if (part.empty() || !isLowerOrDigit(part.front()) || !isLowerOrDigit(part.back())) return false;
  for (std::size_t i = 0; i < part.size();) {
    const char c = part[i];
    std::size_t run = 1;
    while (i + run < part.size() && part[i + run] == c) ++run;
    if (!isLowerOrDigit(c)) {
      if (c != '.' && c != '_' && c != '-') return false;
      if ((c == '.' && run > 1) || (c == '_' && run > 2)) return false;
      if (!isLowerOrDigit(part[i + run])) return false;
    }
    i += run;
  }
  return true;
}

Result<void> checkRepository(std::string_view repository) {
  if (repository.empty()) return wrong("no repository is named");
  if (repository.size() > kMaxRepositoryBytes) {
    return wrong(
        fmt::format("the repository's name has {} bytes of at most {}", repository.size(), kMaxRepositoryBytes));
  }
  if (std::ranges::any_of(repository, [](char c) { return c != toLower(c); })) {
    return wrong(fmt::format("'{}' has capital letters, and repositories have none", repository));
  }
  for (std::string_view rest = repository;;) {
    const std::size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    if (!isPathComponent(part)) {
      return wrong(fmt::format(
          "'{}' is no part of a repository's name (letters and digits, joined by '.', '_', '__' or '-')", part));
    }
    if (slash == std::string_view::npos) return {};
    rest.remove_prefix(slash + 1);
  }
}

Result<void> checkTag(std::string_view tag) {
  const auto isPart = [](char c) { return isLetterOrDigit(c) || c == '_' || c == '.' || c == '-'; };
  if (tag.empty()) return wrong("nothing stands behind the ':' where a tag belongs");
  if (tag.size() > kMaxTagBytes)
    return wrong(fmt::format("the tag has {} bytes of at most {}", tag.size(), kMaxTagBytes));
  if (!std::ranges::all_of(tag, isPart) || tag.front() == '.' || tag.front() == '-') {
    return wrong(fmt::format("'{}' is no tag (letters, digits, '_', '.', '-', not beginning with '.' or '-')", tag));
  }
  return {};
}

bool looksLikeHost(std::string_view first) {
  return first == "localhost" || first.find_first_of(".:") != std::string_view::npos;
}

// The text without the scheme. Other schemes are mistakes worth a word of their own.
Result<std::string_view> withoutScheme(std::string_view text) {
  if (text.starts_with(kScheme)) return text.substr(kScheme.size());
  const std::size_t mark = text.find("://");
  if (mark != std::string_view::npos) {
    return wrong(fmt::format("the scheme is 'oci', not '{}'", text.substr(0, mark)));
  }
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos || !looksLikeHost(text.substr(0, slash))) {
    return wrong(fmt::format("'{}' names no registry; for Docker Hub write docker.io/{}{}", text,
                             slash == std::string_view::npos ? "library/" : "", text));
  }
  return text;
}

bool isPrintable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
}

}  // namespace

std::string Reference::manifestName() const {
  return digest ? toString(*digest) : tag;
}

Result<Reference> parseReference(std::string_view text) {
  if (text.empty()) return wrong("the reference is empty");
  if (text.size() > kMaxReferenceBytes) {
    return wrong(fmt::format("the reference has {} bytes of at most {}", text.size(), kMaxReferenceBytes));
  }
  if (!isPrintable(text)) return wrong("the reference has spaces, control or non-ASCII characters");
  auto bare = withoutScheme(text);
  if (!bare) return fail(std::move(bare).error());

  const std::size_t slash = bare->find('/');
  if (slash == std::string_view::npos) return wrong("no repository is named");
  auto registry = parseRegistry(bare->substr(0, slash));
  if (!registry) return fail(std::move(registry).error());
  Reference reference{*std::move(registry), {}, {}, {}};

  std::string_view rest = bare->substr(slash + 1);
  if (const std::size_t at = rest.find('@'); at != std::string_view::npos) {
    auto digest = parseDigest(rest.substr(at + 1));
    if (!digest) return fail(std::move(digest).error().within("behind the '@'"));
    reference.digest = *digest;
    rest = rest.substr(0, at);
  }
  if (const std::size_t colon = rest.find(':'); colon != std::string_view::npos) {
    reference.tag = rest.substr(colon + 1);
    rest = rest.substr(0, colon);
    if (auto checked = checkTag(reference.tag); !checked) return fail(std::move(checked).error());
  } else if (!reference.digest) {
    reference.tag = "latest";
  }
  reference.repository = rest;
  if (reference.registry == kDockerHub && !rest.empty() && rest.find('/') == std::string_view::npos) {
    reference.repository.insert(0, "library/");
  }
  if (auto checked = checkRepository(reference.repository); !checked) return fail(std::move(checked).error());
  return reference;
}

std::string toString(const Reference& reference) {
  std::string text = fmt::format("{}{}/{}", kScheme, reference.registry, reference.repository);
  if (!reference.tag.empty()) text += ':' + reference.tag;
  if (reference.digest) text += '@' + toString(*reference.digest);
  return text;
}

std::string apiHost(std::string_view registry) {
  return std::string(registry == kDockerHub ? "registry-1.docker.io" : registry);
}

bool isLoopback(std::string_view registry) {
  const std::string_view host = splitAuthority(registry).host;
  if (host == "localhost" || host == "[::1]") return true;
  in_addr address{};
  return inet_pton(AF_INET, std::string(host).c_str(), &address) == 1 && (ntohl(address.s_addr) >> 24) == 127;
}

}  // namespace wasabi::oci
