#include "http/client_pool.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace wasabi::http {

PooledConnection::PooledConnection(ConnectionPool& pool, const Origin& origin, std::unique_ptr<Transport> transport)
    : pool_(&pool), origin_(&origin), transport_(std::move(transport)), reused_(transport_ != nullptr) {}

PooledConnection::PooledConnection(PooledConnection&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)),
      origin_(other.origin_),
      transport_(std::move(other.transport_)),
      reused_(other.reused_) {}

PooledConnection::~PooledConnection() {
  if (pool_ != nullptr) pool_->freePlace(*origin_);
}

Result<PooledConnection> ConnectionPool::acquire(const Origin& origin, bool look_again) {
  for (;;) {
    const auto found = origins_.find(origin);
    if (found == origins_.end() || found->second.idle.empty()) return acquireFresh(origin);
    auto transport = takeIdle(found->second);
    if (!look_again || transport->quiet()) return PooledConnection(*this, found->first, std::move(transport));
    freePlace(found->first);
  }
}

std::size_t ConnectionPool::openTo(const Origin& origin) const {
  const auto found = origins_.find(origin);
  return found == origins_.end() ? 0 : found->second.open;
}

std::size_t ConnectionPool::openOf(const std::string& partition) const {
  const auto found = partitions_.find(partition);
  return found == partitions_.end() ? 0 : found->second;
}

// Closes idle connections where a limit asks for it; an error names the limit that they do not help with.
std::optional<Error> ConnectionPool::makeRoom(const Origin& wanted) {
  const auto refuse = [&](const char* whose, std::size_t open, const char* limit) {
    return Error(ErrorCode::kExhausted, "cannot connect to " + wanted.host + ": " + whose + " has " +
                                            std::to_string(open) + " connections open (" + limit + ")");
  };
  const std::size_t to_origin = openTo(wanted);
  if (to_origin >= limits_.max_connections_per_origin &&
      !dropOldestIdle(wanted, [](const Origin& idle, const Origin& origin) { return idle == origin; })) {
    return refuse("the host", to_origin, "max_connections_per_origin");
  }
  const std::size_t of_partition = openOf(wanted.partition);
  if (of_partition >= limits_.max_connections_per_partition &&
      !dropOldestIdle(wanted,
                      [](const Origin& idle, const Origin& origin) { return idle.partition == origin.partition; })) {
    return refuse("the tenant", of_partition, "max_connections_per_partition");
  }
  if (open_ >= limits_.max_connections && !dropOldestIdle(wanted, [](const Origin&, const Origin&) { return true; })) {
    return refuse("the client", open_, "max_connections");
  }
  return std::nullopt;
}

Result<PooledConnection> ConnectionPool::acquireFresh(const Origin& origin) {
  if (auto refusal = makeRoom(origin)) return fail(std::move(*refusal));
  const auto entry = origins_.try_emplace(origin).first;
  ++entry->second.open;
  ++partitions_[origin.partition];
  ++open_;
  return PooledConnection(*this, entry->first, nullptr);
}

void ConnectionPool::keep(PooledConnection connection) {
  PerOrigin& entry = origins_.at(*connection.origin_);
  if (entry.idle.size() >= limits_.max_idle_per_origin) return;
  idle_.push_back({connection.origin_, std::move(connection.transport_), loop_.now()});
  const auto idle = std::prev(idle_.end());
  entry.idle.push_back(idle);
  // Whatever comes now, the connection is of no use any more. Who takes it takes the read over.
  idle->transport->read([this, idle](const Transport::ReadResult&) { drop(idle); });
  // Its place stays taken while it is idle.
  connection.pool_ = nullptr;
  armSweep();
}

// The one used last: its peer has had the least time to close it.
std::unique_ptr<Transport> ConnectionPool::takeIdle(PerOrigin& entry) {
  const auto last = entry.idle.back();
  entry.idle.pop_back();
  auto transport = std::move(last->transport);
  idle_.erase(last);
  return transport;
}

bool ConnectionPool::dropOldestIdle(const Origin& wanted, GivesWay gives_way) {
  const auto oldest =
      std::find_if(idle_.begin(), idle_.end(), [&](const Idle& idle) { return gives_way(*idle.origin, wanted); });
  if (oldest == idle_.end()) return false;
  drop(oldest);
  return true;
}

void ConnectionPool::drop(IdleList::iterator idle) {
  const Origin& origin = *idle->origin;
  std::erase(origins_.at(origin).idle, idle);
  idle_.erase(idle);
  freePlace(origin);
}

void ConnectionPool::freePlace(const Origin& origin) {
  const auto partition = partitions_.find(origin.partition);
  const auto entry = origins_.find(origin);
  WASABI_CHECK(partition != partitions_.end() && entry != origins_.end() && entry->second.open > 0);
  --open_;
  if (--partition->second == 0) partitions_.erase(partition);
  if (--entry->second.open == 0) origins_.erase(entry);
}

void ConnectionPool::armSweep() {
  if (!sweep_.armed()) sweep_.arm(idle_.front().since + limits_.idle_timeout, [this] { sweep(); });
}

void ConnectionPool::sweep() {
  const TimePoint now = loop_.now();
  while (!idle_.empty() && idle_.front().since + limits_.idle_timeout <= now) drop(idle_.begin());
  if (!idle_.empty()) armSweep();
}

void ConnectionPool::closeIdle() {
  while (!idle_.empty()) drop(idle_.begin());
}

}  // namespace wasabi::http
