#include "net/redis_value.hpp"

#include "net/redis_creators.hpp"

namespace marquee::net {

// Places are made when an array begins, so that their addresses hold.
struct RedisValues::Make {
  static RedisValue* place(const redisReadTask* task) {
    RedisValues& all = *static_cast<RedisValues*>(task->privdata);
    if (++all.count_ > kMostValues) return nullptr;
    if (!task->parent) return &all.value_;
    auto& items = static_cast<RedisValue*>(task->parent->obj)->items;
    const auto at = static_cast<std::size_t>(task->idx);
    return at < items.size() ? &items[at] : nullptr;
  }
  static void* text(const redisReadTask* task, char* bytes, std::size_t size) {
    RedisValue* const out = place(task);
    if (!out) return nullptr;
    out->type = task->type == REDIS_REPLY_ERROR    ? RedisValue::Type::error
                : task->type == REDIS_REPLY_STATUS ? RedisValue::Type::status
                                                   : RedisValue::Type::text;
    out->text.assign(bytes, size);
    return out;
  }
  template <typename Count>
  static void* array(const redisReadTask* task, Count elements) {
    RedisValue* const out = place(task);
    const auto count = static_cast<std::size_t>(elements);
    RedisValues& all = *static_cast<RedisValues*>(task->privdata);
    if (!out || count > kMostItems || all.count_ + count > kMostValues) return nullptr;
    out->type = RedisValue::Type::array;
    out->items.resize(count);
    return out;
  }
  static void* integer(const redisReadTask* task, long long value) {
    RedisValue* const out = place(task);
    if (!out) return nullptr;
    out->type = RedisValue::Type::integer;
    out->integer = value;
    return out;
  }
  static void* nil(const redisReadTask* task) { return place(task); }
};

void RedisValues::Free::operator()(redisReader* reader) const { redisReaderFree(reader); }

RedisValues::RedisValues() {
  reader_.reset(redisReaderCreateWithFunctions(redis_creators<Make>()));
  if (reader_) reader_->privdata = this;  // the macro for it casts to int
}

RedisValues::~RedisValues() = default;

bool RedisValues::feed(std::string_view bytes) {
  if (broken_ || !reader_) return false;
  bytes_ += bytes.size();
  broken_ = bytes_ > kMostReplyBytes ||
            redisReaderFeed(reader_.get(), bytes.data(), bytes.size()) != REDIS_OK;
  return !broken_;
}

RedisValues::Next RedisValues::next() {
  if (broken_ || !reader_) return Next::broken;
  if (reader_->ridx == -1) {  // between two replies
    value_ = {};
    count_ = 0;
  }
  void* object = nullptr;
  broken_ = redisReaderGetReply(reader_.get(), &object) != REDIS_OK;
  if (broken_) return Next::broken;
  if (!object) return Next::none;
  bytes_ = reader_->len - reader_->pos;
  return Next::value;
}

}  // namespace marquee::net
