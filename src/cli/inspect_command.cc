#include "cli/inspect_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/file_descriptor.h"
#include "base/units.h"

extern char** environ;

namespace wasabi::cli {
namespace {

using nlohmann::json;

// A report lists at most a few thousand names.
constexpr std::size_t kMaxReportBytes = 16 << 20;
constexpr std::size_t kListed = 20;

std::string readAll(int fd) {
  std::string out;
  std::array<char, 16384> chunk;
  while (out.size() < kMaxReportBytes) {
    const ssize_t got = ::read(fd, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    out.append(chunk.data(), static_cast<std::size_t>(got));
  }
  return out;
}

Result<std::string> runCompiler(const std::string& compiler, const std::string& module_file) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(Error::fromErrno("cannot make a pipe", errno));
  const FileDescriptor reading(ends[0]);
  FileDescriptor writing(ends[1]);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, writing.get(), STDOUT_FILENO);
  std::string program = compiler;
  std::string flag = "--inspect";
  std::string file = module_file;
  char* argv[] = {program.data(), flag.data(), file.data(), nullptr};
  pid_t child = 0;
  const int error = ::posix_spawn(&child, compiler.c_str(), &actions, nullptr, argv, environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return fail(Error::fromErrno("cannot start " + compiler, error));
  writing.reset();
  std::string report = readAll(reading.get());
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  // The compiler has said on standard error why there is no report.
  if (report.empty()) return fail(ErrorCode::kInvalid, module_file + " cannot be inspected");
  return report;
}

std::string bytesText(const json& bytes) {
  return bytes.is_number_unsigned() ? toString(ByteSize{bytes.get<std::uint64_t>()}) : bytes.dump();
}

std::string nameOf(const json& entry) {
  const std::string name = entry.value("name", "");
  return entry.contains("module") ? entry["module"].get<std::string>() + " " + name : name;
}

void addList(std::string& out, std::string_view title, const json& entries, std::size_t total) {
  fmt::format_to(std::back_inserter(out), "{:<10} {}\n", title, total);
  std::size_t listed = 0;
  for (const json& entry : entries) {
    if (listed++ == kListed) break;
    fmt::format_to(std::back_inserter(out), "             {}\n", nameOf(entry));
  }
  if (total > kListed)
    fmt::format_to(std::back_inserter(out), "             ... and {} more (see --json)\n", total - kListed);
}

}  // namespace

Result<Inspection> describe(const std::string& text) {
  const json report = json::parse(text, nullptr, false);
  if (!report.is_object() || !report.contains("accepted")) {
    return fail(ErrorCode::kInternal, "the compiler's report is not the expected JSON");
  }
  Inspection inspection;
  inspection.accepted = report["accepted"].get<bool>();
  std::string& out = inspection.text;
  const std::string kind = report.value("kind", json()).is_string() ? report["kind"].get<std::string>() : "unknown";
  fmt::format_to(std::back_inserter(out), "{:<10} {}\n", "kind", kind);
  fmt::format_to(std::back_inserter(out), "{:<10} {}\n", "runs here", inspection.accepted ? "yes" : "no");
  if (report["reason"].is_string()) {
    fmt::format_to(std::back_inserter(out), "{:<10} {}\n", "because", report["reason"].get<std::string>());
  }
  for (const auto& [name, value] : report["sizes"].items()) {
    fmt::format_to(std::back_inserter(out), "{:<10} {} = {}\n", "size", name, value.dump());
  }
  for (const json& memory : report["memories"]) {
    fmt::format_to(std::back_inserter(out), "{:<10} from {}{}\n", "memory", bytesText(memory["minimum_bytes"]),
                   memory["maximum_bytes"].is_null() ? std::string() : " to " + bytesText(memory["maximum_bytes"]));
  }
  addList(out, "imports", report["imports"], report["totals"]["imports"].get<std::size_t>());
  addList(out, "exports", report["exports"], report["totals"]["exports"].get<std::size_t>());
  return inspection;
}

Result<Inspection> inspect(const std::string& compiler, const std::string& module_file, InspectFormat format) {
  auto report = runCompiler(compiler, module_file);
  if (!report) return fail(std::move(report.error()));
  auto described = describe(*report);
  if (described && format == InspectFormat::kJson) described->text = std::move(*report);
  return described;
}

}  // namespace wasabi::cli
