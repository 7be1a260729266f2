#include "platform/audit_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/log.h"
#include "base/text.h"

namespace wasabi::platform {
namespace {

Result<FileDescriptor> openForAppend(const std::string& path) {
  FileDescriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.valid()) return fail(Error::fromErrno(path, errno));
  return file;
}

// The longest front of the text that is at most so long and ends between characters.
std::string_view cut(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  return text.substr(0, most);
}

std::string lineOf(const AuditEntry& entry, std::size_t text_bytes) {
  std::string line = "{\"time\":\"";
  appendTimestamp(line, entry.unix_ms);
  line += '"';
  const auto add = [&](std::string_view name, std::string_view text) {
    if (text.empty()) return;
    line += fmt::format(",\"{}\":", name);
    appendJsonString(line, cut(text, text_bytes));
  };
  add("request_id", entry.request_id);
  add("token", entry.token_id);
  add("role", entry.role);
  add("tenant", entry.tenant);
  add("peer", entry.peer);
  add("method", entry.method);
  add("path", entry.path);
  line += ",\"status\":";
  appendDecimal(line, entry.status);
  add("error", entry.error);
  if (entry.left_out > 0) line += fmt::format(",\"left_out\":{}", entry.left_out);
  line += "}\n";
  return line;
}

}  // namespace

Result<std::unique_ptr<AuditLog>> AuditLog::open(std::string directory, const AuditLimits& limits, std::string name) {
  std::string path = std::move(directory) + "/" + name;
  auto file = openForAppend(path);
  if (!file) return fail(std::move(file).error());
  struct stat status{};
  if (fstat(file->get(), &status) != 0) return fail(Error::fromErrno(name, errno));
  return std::unique_ptr<AuditLog>(
      new AuditLog(std::move(path), limits, std::move(*file), static_cast<std::uint64_t>(status.st_size)));
}

AuditLog::AuditLog(std::string path, const AuditLimits& limits, FileDescriptor file, std::uint64_t size)
    : path_(std::move(path)), limits_(limits), file_(std::move(file)), size_(size) {}

std::string AuditLog::pathOf(std::uint32_t age) const {
  return age == 0 ? path_ : fmt::format("{}.{}", path_, age);
}

Result<void> AuditLog::write(const AuditEntry& entry) {
  const std::string line = lineOf(entry, limits_.text_bytes);
  const std::lock_guard lock(mutex_);
  const auto written = [&]() -> Result<void> {
    if (size_ > 0 && size_ + line.size() > limits_.file.value) {
      if (auto rotated = rotate(); !rotated) return rotated;
    }
    // One call, so that lines never mix; a part of one is taken back, or the next would be no JSON.
    const ssize_t put = ::write(file_.get(), line.data(), line.size());
    if (put == static_cast<ssize_t>(line.size())) {
      size_ += line.size();
      return {};
    }
    const int reason = put < 0 ? errno : ENOSPC;
    if (put > 0 && ftruncate(file_.get(), static_cast<off_t>(size_)) != 0) size_ += static_cast<std::uint64_t>(put);
    return fail(Error::fromErrno("audit log", reason));
  }();
  if (!written) ++lost_;
  return written;
}

Result<void> AuditLog::rotate() {
  for (std::uint32_t age = limits_.old_files; age-- > 0;) {
    if (::rename(pathOf(age).c_str(), pathOf(age + 1).c_str()) != 0 && errno != ENOENT) {
      return fail(Error::fromErrno("rotate the audit log", errno));
    }
  }
  if (limits_.old_files == 0 && unlink(pathOf(0).c_str()) != 0) {
    return fail(Error::fromErrno("rotate the audit log", errno));
  }
  auto file = openForAppend(pathOf(0));
  if (!file) return fail(std::move(file).error());
  file_ = std::move(*file);
  size_ = 0;
  return {};
}

std::uint64_t AuditLog::lost() const {
  const std::lock_guard lock(mutex_);
  return lost_;
}

}  // namespace wasabi::platform
