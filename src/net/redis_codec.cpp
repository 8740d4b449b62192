#include "net/redis_codec.hpp"

#include <algorithm>
#include <charconv>

#include "net/redis_creators.hpp"

namespace marquee::net {

namespace {

void append_head(std::string& out, char kind, std::size_t count) {
  char digits[24];
  const auto done = std::to_chars(digits, digits + sizeof digits, count);
  out += kind;
  out.append(digits, done.ptr);
  out += "\r\n";
}

}  // namespace

// Not by redisFormatCommandArgv: it calls sprintf for each word, which cost half of
// all that a question did (5,500 of 12,000 instructions).
void append_command(std::string& out, std::span<const std::string_view> words) {
  append_head(out, '*', words.size());
  for (const std::string_view word : words) {
    append_head(out, '$', word.size());
    out += word;
    out += "\r\n";
  }
}

// Everything goes into the one reply; hiredis gets its address for an object.
struct RedisReplies::Make {
  static RedisReply& of(const redisReadTask* task) {
    return *static_cast<RedisReply*>(task->privdata);
  }
  static void* text(const redisReadTask* task, char* bytes, std::size_t size) {
    RedisReply& reply = of(task);
    if (task->parent) {
      if (!reply.odd && task->idx == 0 && !task->parent->parent)
        reply.text.assign(bytes, std::min(size, kMostReplyText));
      reply.odd = true;
      return &reply;
    }
    reply.type = task->type == REDIS_REPLY_ERROR    ? RedisReply::Type::error
                 : task->type == REDIS_REPLY_STATUS ? RedisReply::Type::status
                                                    : RedisReply::Type::text;
    reply.text.assign(bytes, std::min(size, kMostReplyText));
    return &reply;
  }
  template <typename Count>  // int, or std::size_t since hiredis 1.0
  static void* array(const redisReadTask* task, Count elements) {
    RedisReply& reply = of(task);
    if (static_cast<std::size_t>(elements) > RedisReply::kMostItems) return nullptr;
    if (task->parent) {
      reply.odd = true;
      return &reply;
    }
    reply.type = RedisReply::Type::array;
    reply.count = static_cast<std::size_t>(elements);
    return &reply;
  }
  static void* integer(const redisReadTask* task, long long value) {
    RedisReply& reply = of(task);
    if (!task->parent) {
      reply.type = RedisReply::Type::integer;
      reply.integer = value;
    } else if (!task->parent->parent && static_cast<std::size_t>(task->idx) < reply.items.size()) {
      reply.items[static_cast<std::size_t>(task->idx)] = value;
    }
    return &reply;
  }
  static void* nil(const redisReadTask* task) {
    RedisReply& reply = of(task);
    if (task->parent)
      reply.odd = true;
    else
      reply.type = RedisReply::Type::nil;
    return &reply;
  }
};

void RedisReplies::Free::operator()(redisReader* reader) const { redisReaderFree(reader); }

RedisReplies::RedisReplies() { reset(); }

void RedisReplies::reset() {
  reader_.reset(redisReaderCreateWithFunctions(redis_creators<Make>()));
  if (reader_) reader_->privdata = &reply_;  // the macro for it casts to int
}

bool RedisReplies::feed(std::string_view bytes) {
  if (!reader_ || reader_->err) return false;
  if (reader_->len - reader_->pos + bytes.size() > 2 * kMostReplyBytes) return false;
  return redisReaderFeed(reader_.get(), bytes.data(), bytes.size()) == REDIS_OK;
}

RedisReplies::Next RedisReplies::next() {
  if (!reader_) return Next::broken;
  if (reader_->ridx == -1) {  // between two replies
    reply_.type = RedisReply::Type::nil;
    reply_.text.clear();
    reply_.count = 0;
    reply_.odd = false;
  }
  void* object = nullptr;
  if (redisReaderGetReply(reader_.get(), &object) != REDIS_OK) return Next::broken;
  if (object) return Next::reply;
  return reader_->len - reader_->pos > kMostReplyBytes ? Next::broken : Next::none;
}

}  // namespace marquee::net
