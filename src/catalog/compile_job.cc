#include "catalog/compile_job.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

#include "catalog/child_process.h"
#include "catalog/digest.h"
#include "catalog/store_layout.h"

namespace wasabi::catalog {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxReasonBytes = 500;
// Builds leave the cores to those who serve.
constexpr int kCompilerNiceness = 10;

// Exit codes of wasabi-compile, and how its messages begin.
constexpr std::string_view kCompilerPrefix = "wasabi-compile: ";
constexpr int kExitBadModule = 1;
constexpr int kExitLimit = 3;
constexpr int kExitIo = 4;

Result<FileDescriptor> makeMemoryFile(const char* name) {
  FileDescriptor memory(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory.valid()) return fail(Error::fromErrno("memfd_create", errno));
  return memory;
}

Result<void> append(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return fail(Error::fromErrno("copy of the module", errno));
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

// A sealed copy in memory of the file's bytes, whose digest was taken while they were copied.
Result<FileDescriptor> copyModule(const std::string& path, const ModuleDigest& digest, ByteSize limit) {
  FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status{};
  if (!file.valid() || fstat(file.get(), &status) != 0) return fail(Error::fromErrno("open", errno));
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::kInvalid, "not a regular file");
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size > limit.value)
    return fail(ErrorCode::kInvalid, fmt::format("it has {} bytes; a module may have {}", size, toString(limit)));

  auto copy = makeMemoryFile("module");
  if (!copy) return copy;
  Sha256 hash;
  auto copied = readPieces(file.get(), size, [&](std::string_view piece) {
    hash.update(piece);
    return append(copy->get(), piece);
  });
  if (!copied) return fail(std::move(copied).error());
  const ModuleDigest found{hash.finish()};
  if (found != digest) {
    return fail(ErrorCode::kConflict, fmt::format("its digest is {}, the catalog says {}: the file was changed",
                                                  found.toHex(), digest.toHex()));
  }
  constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  if (fcntl(copy->get(), F_ADD_SEALS, kSeals) != 0 || lseek(copy->get(), 0, SEEK_SET) != 0) {
    return fail(Error::fromErrno("seal", errno));
  }
  return copy;
}

// The last line that is not empty, fit for a log.
std::string lastLine(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  if (const std::size_t newline = text.rfind('\n'); newline != std::string_view::npos) text = text.substr(newline + 1);
  if (text.starts_with(kCompilerPrefix)) text.remove_prefix(kCompilerPrefix.size());
  std::string line(text.substr(0, kMaxReasonBytes));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  return line.empty() ? "it gave no reason" : line;
}

Result<void> judgeSignal(int signal, const ChildOutcome& outcome, const BuilderConfig& config) {
  // At the hard limit the kernel kills.
  if (signal == SIGXCPU || (signal == SIGKILL && outcome.cpu >= config.cpu_limit)) {
    return fail(ErrorCode::kExhausted,
                fmt::format("compiling needed more than {} of CPU time", toString(config.cpu_limit)));
  }
  if (signal == SIGXFSZ) {
    return fail(ErrorCode::kExhausted,
                fmt::format("the compiled module is larger than {}", toString(config.output_limit)));
  }
  return fail(ErrorCode::kInternal, fmt::format("the compiler was ended by signal {} ({}): {}", signal,
                                                strsignal(signal), lastLine(outcome.errors)));
}

Result<void> judge(const ChildOutcome& outcome, const BuilderConfig& config) {
  if (outcome.timed_out)
    return fail(ErrorCode::kTimeout, fmt::format("compiling took longer than {}", toString(config.wall_limit)));
  if (WIFSIGNALED(outcome.wait_status)) return judgeSignal(WTERMSIG(outcome.wait_status), outcome, config);
  switch (const int code = WEXITSTATUS(outcome.wait_status)) {
    case 0:
      return {};
    case kExitBadModule:
      return fail(ErrorCode::kInvalid, lastLine(outcome.errors));
    case kExitLimit:
      return fail(ErrorCode::kExhausted, lastLine(outcome.errors));
    case kExitIo:
      return fail(ErrorCode::kIo, lastLine(outcome.errors));
    default:
      return fail(ErrorCode::kInternal,
                  fmt::format("the compiler failed with exit code {}: {}", code, lastLine(outcome.errors)));
  }
}

Result<void> compileInto(const UnfinishedFile& output, int module_fd, const BuilderConfig& config) {
  const auto cpu_seconds = std::chrono::ceil<std::chrono::seconds>(config.cpu_limit).count();
  const std::vector<std::string> arguments = {config.compiler,
                                              "--cpu-seconds",
                                              std::to_string(cpu_seconds),
                                              "--memory",
                                              std::to_string(config.memory_limit.value),
                                              "--output-bytes",
                                              std::to_string(config.output_limit.value),
                                              "--input-bytes",
                                              std::to_string(config.input_limit.value),
                                              "-",
                                              "-"};
  // The compiler's own limit of CPU time speaks first, and says more.
  const ChildLimits limits{config.wall_limit, config.cpu_limit + 1s, config.output_limit, kCompilerNiceness};
  auto outcome = runChild(arguments, module_fd, output.fd(), limits);
  if (!outcome) return fail(std::move(outcome).error());
  return judge(*outcome, config);
}

Result<void> build(const CompileJob& job, const std::string& module_file, const ModuleDigest& digest) {
  auto module = copyModule(module_file, digest, job.config.input_limit);
  if (!module) return fail(std::move(module).error());
  auto output = job.store.create();
  if (!output) return fail(std::move(output).error());
  if (auto compiled = compileInto(*output, module->get(), job.config); !compiled) return compiled;
  return job.store.publish(std::move(*output), digest, job.key);
}

}  // namespace

Result<void> compileModule(const CompileJob& job, const std::string& module_file, const ModuleDigest& digest) {
  auto built = build(job, module_file, digest);
  if (!built) return fail(std::move(built).error().within("module " + module_file));
  return {};
}

Result<std::string> askFingerprint(const std::string& compiler) {
  const std::string context = "compiler " + compiler;
  auto output = makeMemoryFile("fingerprint");
  FileDescriptor input(open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!output || !input.valid()) return fail(ErrorCode::kIo, context + ": no descriptors for its standard streams");
  auto outcome = runChild({compiler, "--fingerprint"}, input.get(), output->get(), {10s, 10s, {4096}});
  if (!outcome) return fail(std::move(outcome).error().within(context));
  if (outcome->timed_out || outcome->wait_status != 0) {
    return fail(ErrorCode::kUnavailable, context + " does not run: " + lastLine(outcome->errors));
  }
  std::array<char, 256> text{};
  const ssize_t size = pread(output->get(), text.data(), text.size(), 0);
  if (size < 0) return fail(Error::fromErrno(context, errno));
  std::string fingerprint(text.data(), static_cast<std::size_t>(size));
  while (fingerprint.ends_with('\n')) fingerprint.pop_back();
  if (auto checked = checkFingerprint(fingerprint); !checked) return fail(std::move(checked).error().within(context));
  return fingerprint;
}

}  // namespace wasabi::catalog
