#include "policy/replay.h"

#include <algorithm>
#include <array>

namespace wasabi::policy {

bool isIdempotent(std::string_view method) {
  constexpr std::array<std::string_view, 6> kIdempotent{"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"};
  return std::find(kIdempotent.begin(), kIdempotent.end(), method) != kIdempotent.end();
}

Replay decideReplay(const Attempt& attempt) {
  using Reason = Replay::Reason;
  if (attempt.client_has_seen) return {false, Reason::kAnswerBegun};
  if (attempt.end == AttemptEnd::kNonsense) return {false, Reason::kNonsense};
  if (attempt.end == AttemptEnd::kUnreached && attempt.unreached >= Replay::kMostUnreached) {
    return {false, Reason::kUnreachable};
  }
  if (attempt.end == AttemptEnd::kDied) {
    if (!isIdempotent(attempt.method)) return {false, Reason::kNotIdempotent};
    if (attempt.runs >= Replay::kMostRuns) return {false, Reason::kRanTwice};
  }
  if (!attempt.body_kept) return {false, Reason::kBodyGone};
  return {true, attempt.end == AttemptEnd::kDied ? Reason::kIdempotent : Reason::kHadNotRun};
}

std::string_view toString(Replay::Reason reason) {
  switch (reason) {
    case Replay::Reason::kHadNotRun:
      return "had_not_run";
    case Replay::Reason::kIdempotent:
      return "idempotent";
    case Replay::Reason::kAnswerBegun:
      return "answer_begun";
    case Replay::Reason::kBodyGone:
      return "body_gone";
    case Replay::Reason::kNotIdempotent:
      return "not_idempotent";
    case Replay::Reason::kRanTwice:
      return "ran_twice";
    case Replay::Reason::kUnreachable:
      return "unreachable";
    case Replay::Reason::kNonsense:
      return "nonsense";
  }
  return "";
}

std::string_view explain(Replay::Reason reason) {
  switch (reason) {
    case Replay::Reason::kHadNotRun:
      return "it has not run yet, and goes elsewhere";
    case Replay::Reason::kIdempotent:
      return "its superpod died; it may run once more";
    case Replay::Reason::kAnswerBegun:
      return "its superpod died when the answer had begun";
    case Replay::Reason::kBodyGone:
      return "its body is too large to be kept, so it cannot be sent again";
    case Replay::Reason::kNotIdempotent:
      return "its superpod died, and a request of this method must not run twice";
    case Replay::Reason::kRanTwice:
      return "two superpods died under it";
    case Replay::Reason::kUnreachable:
      return "no superpod could be reached";
    case Replay::Reason::kNonsense:
      return "the answer of its superpod breaks the protocol";
  }
  return "";
}

}  // namespace wasabi::policy
