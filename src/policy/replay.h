// What becomes of a request whose superpod did not answer it: it runs again elsewhere, or ends with 502.
//
// A request runs twice at most. It runs again only if nobody can tell: its method is idempotent (RFC 9110, 9.2.2), the
// client has seen nothing of the answer, and the whole body is still there to be sent. What was turned away before it
// ran, or never reached the superpod, has not run: it goes elsewhere whatever its method, as long as its body is there.
// How long it may look for a place is bounded by its deadline and the queue, how often by kMostUnreached.
//
// Pure functions of their arguments.
#pragma once

#include <cstdint>
#include <string_view>

namespace wasabi::policy {

// GET, HEAD, OPTIONS, TRACE, PUT, DELETE; methods are case-sensitive.
bool isIdempotent(std::string_view method);

enum class AttemptEnd : std::uint8_t {
  kTurnedAway,  // the superpod had no room, and has not begun
  kUnreached,   // no byte of it was taken: refused connection, gone before the head was sent
  kDied,        // the superpod, or the connection to it, ended while the request may have been running
  kNonsense,    // its answer breaks the protocol
};

struct Attempt {
  AttemptEnd end = AttemptEnd::kDied;
  std::string_view method;
  bool client_has_seen = false;  // at least one byte of the answer was sent
  bool body_kept = false;        // all of the body that was taken from the client can be sent again
  std::uint32_t runs = 0;        // attempts that may have run, with this one
  std::uint32_t unreached = 0;   // attempts that reached nobody, with this one
};

struct Replay {
  static constexpr std::uint32_t kMostRuns = 2;
  // Who is the only one to serve it is tried again after Dispatch::kBelief: for a second, in which its death is
  // noticed.
  static constexpr std::uint32_t kMostUnreached = 50;

  enum class Reason : std::uint8_t {
    // Again: the request has not run, or nobody can tell that it runs once more.
    kHadNotRun,
    kIdempotent,
    // 502, or the stream is cut where the client has seen the head.
    kAnswerBegun,
    kBodyGone,
    kNotIdempotent,
    kRanTwice,
    kUnreachable,
    kNonsense,
  };
  bool again = false;
  Reason reason = Reason::kNotIdempotent;
};
std::string_view toString(Replay::Reason reason);  // "idempotent", "body_gone"
std::string_view explain(Replay::Reason reason);   // for people

Replay decideReplay(const Attempt& attempt);

}  // namespace wasabi::policy
