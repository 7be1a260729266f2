// Calls of the API with whatever paths, queries and bodies. Each is answered; what is refused is a problem that
// programs can read, is the caller's fault, and has changed nothing; nobody sees or changes what is another tenant's;
// what is secret is in no answer, nor where the server keeps things; and what changes something is in the audit log.
//
//   a PUT /functions/acme/hushed/traffic    who: [o]perator, [a]cme, [b]: other, [w]rong token, [n]o token;
//   {"1": 100}                              a capital letter: in small pieces, without a length
//   %%                                      the next call
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/json.h"
#include "api/test_problem.h"
#include "api/test_world.h"
#include "base/check.h"
#include "base/text.h"

namespace {

using namespace wasabi;
using namespace wasabi::api;
namespace fs = std::filesystem;

constexpr std::string_view kNext = "\n%%\n";
constexpr std::size_t kMostCalls = 8;
constexpr std::string_view kHidden = "canary";  // is in all that is in no answer
// Functions of acme and of other; neither may read of the other's.
constexpr std::string_view kOfAcme = "hushed";
constexpr std::string_view kOfOther = "shrouded";

ApiLimits smallLimits() {
  ApiLimits limits = anyRate();
  limits.body_bytes = 2'000;
  limits.secret_bytes = 100;
  limits.module_bytes = 1'000;
  limits.longest_wait = std::chrono::milliseconds(1);
  return limits;
}

// A world costs more than a call, so it is kept until something in it has changed.
class Worlds {
 public:
  Worlds() {
    const char* const in_memory = "/dev/shm";
    const fs::path below = fs::is_directory(in_memory) ? in_memory : fs::temp_directory_path();
    std::string pattern = (below / "wasabi-api-fuzz-XXXXXX").string();
    WASABI_CHECK(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~Worlds() {
    world_.reset();
    fs::remove_all(path_);
  }
  Worlds(const Worlds&) = delete;
  Worlds& operator=(const Worlds&) = delete;

  TestWorld& fresh() {
    constexpr int kMostUses = 500;  // its audit log grows
    if (world_ && ++uses_ < kMostUses && world_->state() == untouched_) return *world_;
    world_.reset();
    uses_ = 0;
    fs::remove_all(path_ + "/data");
    world_ = std::make_unique<TestWorld>(path_ + "/data", smallLimits());
    furnish(*world_);
    untouched_ = world_->state();
    return *world_;
  }

 private:
  static void furnish(TestWorld& world) {
    world.deploy(std::string(kOfAcme), "one", "[env]\nA = 'canary of the environment'\n");
    world.deploy(std::string(kOfAcme), "two");
    world.compiler.waits = true;
    world.deploy(std::string(kOfAcme), "three");
    world.compiler.finishAll(fail(ErrorCode::kInvalid, "no such import"));
    world.deploy(std::string(kOfAcme), "four");
    world.compiler.waits = false;
    world.deploy(std::string(kOfOther), "one", "", "other");
    must(world.platform().secrets().set("acme", "KEY", platform::SecretValue("canary of acme"), kTestNow));
    must(world.platform().secrets().set("other", "KEY", platform::SecretValue("canary of other"), kTestNow));
    for (const auto& [tenant, name] : {std::pair("acme", kOfAcme), std::pair("other", kOfOther)}) {
      world.machine.told.functions.emplace_back().name = {tenant, std::string(name)};
      world.machine.told.containers.emplace_back().version = {{tenant, std::string(name)}, 1};
      world.platform().usage().add(tenant, {1, 1, 1});
    }
    world.machine.lines = {R"({"id":1,"version":1,"line":"a"})", "no JSON", R"({"id":"x","request":1})"};
  }

  std::string path_;
  std::unique_ptr<TestWorld> world_;
  std::string untouched_;
  int uses_ = 0;
};

void replace(std::string& text, std::string_view what, const std::string& by) {
  if (const std::size_t found = text.find(what); found != std::string::npos) text.replace(found, what.size(), by);
}

// Nothing for what is no call that a server would hand on, or one whose effects are outside.
std::optional<TestRequest> requestIn(std::string_view text, TestWorld& world) {
  const std::string_view line = text.substr(0, text.find('\n'));
  const std::size_t space = line.find(' ', 2);
  if (line.size() < 5 || line[1] != ' ' || space == std::string_view::npos) return std::nullopt;
  TestRequest request{std::string(line.substr(2, space - 2)), std::string(line.substr(space + 1))};
  if (line.size() < text.size()) request.body = text.substr(line.size() + 1);
  const bool is_target = std::ranges::all_of(request.target, [](char c) { return c > ' ' && c < '\x7f'; });
  if (!http::isToken(request.method) || !is_target) return std::nullopt;
  const char who = toLower(line[0]);
  // A backup goes wherever the operator says.
  if (who == 'o' && request.target.substr(0, request.target.find('?')) == "/backup") return std::nullopt;
  if (who == 'o') request.token = world.operatorToken();
  if (who == 'a') request.token = world.acmeToken();
  if (who == 'b') request.token = world.otherToken();
  if (who == 'w') request.token = "wsb_" + std::string(43, 'A');
  if (line[0] != who) {
    request.tells_length = false;
    request.piece = 7;
  }
  for (const platform::TokenInfo& token : world.platform().tokens().list()) {
    replace(request.target, token.tenant == "acme" ? "{a}" : token.tenant == "other" ? "{b}" : "{o}", token.id);
  }
  return request;
}

// Whether the text may be in an answer only because it was in the question.
bool mayEcho(const TestRequest& request, std::string_view text) {
  const bool is_written_otherwise =
      request.target.find('%') != std::string::npos || request.body.find('\\') != std::string::npos;
  return is_written_otherwise || request.target.find(text) != std::string::npos ||
         request.body.find(text) != std::string::npos;
}

// Whether it asks for what only the tenant and the operator may know.
bool isOf(const TestRequest& request, const std::string& tenant) {
  const auto path = percentDecoded(std::string_view(request.target).substr(0, request.target.find('?')));
  return path &&
         ((*path + "/").starts_with("/tenants/" + tenant + "/") || path->starts_with("/functions/" + tenant + "/"));
}

void checkHidden(TestWorld& world, const TestRequest& request, const TestAnswer& answer) {
  const auto is_told = [&](std::string_view text) {
    return answer.body.find(text) != std::string::npos && !mayEcho(request, text);
  };
  WASABI_CHECK(!is_told(kHidden));
  WASABI_CHECK(!is_told(world.platform().directory()));
  for (const std::string& token : {world.operatorToken(), world.acmeToken(), world.otherToken()}) {
    WASABI_CHECK(!is_told(token));
  }
  if (request.token == world.operatorToken()) return;
  if (request.token != world.acmeToken()) WASABI_CHECK(!is_told(kOfAcme));
  if (request.token != world.otherToken()) WASABI_CHECK(!is_told(kOfOther));
  if (request.token != world.acmeToken() && isOf(request, "acme")) WASABI_CHECK(answer.status >= 400);
  if (request.token != world.otherToken() && isOf(request, "other")) WASABI_CHECK(answer.status >= 400);
}

void checkAnswer(const TestRequest& request, const TestAnswer& answer) {
  WASABI_CHECK(answer.status != 0 && answer.header("cache-control") == "no-store");
  if (answer.status >= 400) {
    WASABI_CHECK(wrongInProblem(answer).empty());
    // Of what is not the caller's fault there is nothing here but our own limits.
    WASABI_CHECK(answer.status < 500 || answer.status == 507);
    return;
  }
  WASABI_CHECK(answer.status < 300);
  if (answer.header("content-type") != "application/json") return;
  WASABI_CHECK(answer.whole && Json::parse(answer.body, nullptr, false).is_object());
  WASABI_CHECK(request.method != "HEAD");
}

// The lines of the call, which are the last ones.
void checkAudit(const std::string& file, std::uint64_t before, const TestRequest& request, const TestAnswer& answer) {
  std::ifstream log(file);
  log.seekg(static_cast<std::streamoff>(before));
  int lines = 0;
  Json last;
  for (std::string line; std::getline(log, line); ++lines) {
    last = Json::parse(line, nullptr, false);
    WASABI_CHECK(last.is_object() && line.find(kHidden) == std::string::npos);
  }
  if (request.method == "GET") WASABI_CHECK(lines == 0);
  if (request.method != "GET" && answer.status < 400) WASABI_CHECK(lines > 0);
  if (lines > 0) WASABI_CHECK(last["status"] == answer.status && last["method"] == request.method);
}

void call(TestWorld& world, const TestRequest& request) {
  const std::string before = world.state();
  const std::string of_acme = world.stateOf("acme");
  const std::string of_other = world.stateOf("other");
  const std::string log = world.platform().directory() + "/audit.log";
  const std::uint64_t logged = fs::file_size(log);
  TestAnswer answer;
  {
    const auto exchange = world.begin(request);
    // Who follows a log is never answered whole.
    const auto follows = [&] { return exchange->answer().header("content-type") == "application/x-ndjson"; };
    WASABI_CHECK(exchange->runUntil(follows));
    if (follows()) world.machine.write(R"({"id":2,"version":1,"line":"b"})");
    answer = exchange->answer();
  }
  checkAnswer(request, answer);
  checkHidden(world, request, answer);
  checkAudit(log, logged, request, answer);
  if (answer.status >= 400 || request.method == "GET") WASABI_CHECK(world.state() == before);
  if (request.token == world.acmeToken()) WASABI_CHECK(world.stateOf("other") == of_other);
  if (request.token == world.otherToken()) WASABI_CHECK(world.stateOf("acme") == of_acme);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Worlds worlds;
  TestWorld& world = worlds.fresh();
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  for (std::size_t i = 0; i < kMostCalls && !rest.empty(); ++i) {
    const std::size_t end = rest.find(kNext);
    if (const auto request = requestIn(rest.substr(0, end), world)) call(world, *request);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + kNext.size());
  }
  return 0;
}
