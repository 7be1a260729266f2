// What keeps superpods apart: a backend starts the box of a superpod inside walls, tells what it says and how it ends,
// and leaves nothing behind.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_function.h"
#include "base/units.h"
#include "sandbox/group_use.h"

namespace wasabi::sandbox {

// What a box may reach of the host, as the box itself sees it: some backends mount it elsewhere.
struct SuperpodPaths {
  std::string directory;   // its catalog and store; read-only
  std::string runtime;     // sockets, secrets
  std::string verify_key;  // file
};

// Whose network a superpod has.
enum class Network : std::uint8_t {
  kNone,  // its own, with nothing in it: only the unix sockets in its runtime directory lead in
  kHost,  // the machine's: functions call out from the box itself
};

// Hard limits of a whole superpod, of which the box must stay well clear by itself. A backend whose name says so has
// none of them.
struct Walls {
  ByteSize memory;           // 0: no limit
  std::optional<Cores> cpu;  // nothing: no limit
  std::uint32_t tasks = 0;   // processes and threads; 0: no limit
  Network network = Network::kHost;
};

struct SuperpodSpec {
  std::string name;     // "superpod-3"; unique among those alive
  SuperpodPaths paths;  // of the host, absolute
  std::string program;  // wasabi-box, absolute
  Walls walls;
  std::function<std::vector<std::string>(const SuperpodPaths& inside)> arguments;
};

struct Exit {
  std::optional<int> code;
  std::optional<int> signal;
  bool out_of_memory = false;  // the kernel killed something in it for want of memory; told where there are walls
  // All that it used, where the runtime keeps its control groups until then (runc does, crun does not).
  std::optional<GroupUse> used{};
  std::string words() const;  // "ended with 1", "killed by signal 9", "killed by signal 9, out of memory"
};

// Called on a thread of the backend's own, in order; they must not block it, nor destroy the sandbox they are of.
struct SandboxEvents {
  // A line of its standard output or error, without the newline. Longer ones come in pieces of kMostLineBytes.
  // Lines of the two may come in another order than they were written in.
  UniqueFunction<void(std::string_view line)> line;
  // Once, and last.
  UniqueFunction<void(const Exit& exit)> ended;
};
inline constexpr std::size_t kMostLineBytes = 16 * 1024;

// A box that runs in its walls. Destroying it kills what is inside; `ended` comes before the destructor returns, unless
// it has come already.
class Sandbox {
 public:
  virtual ~Sandbox() = default;
  // SIGTERM.
  virtual void askToEnd() = 0;
  virtual void kill() = 0;
  virtual pid_t pid() const = 0;
};

// Thread-safe. Outlives its sandboxes.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view name() const = 0;
  // May take as long as starting a container does. An error names what is in the way.
  virtual Result<std::unique_ptr<Sandbox>> start(const SuperpodSpec& spec, SandboxEvents events) = 0;
};

}  // namespace wasabi::sandbox
