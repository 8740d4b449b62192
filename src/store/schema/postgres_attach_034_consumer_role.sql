-- The nodes' role finds API consumers by the hash of their key, and never sees a key.
GRANT EXECUTE ON FUNCTION marquee.api_consumer(text) TO {{role}};
