"""The SQL that the first migrations install: the audit chain and its guard."""

AUDIT = """
CREATE SEQUENCE core_fencing;
INSERT INTO core_auditchain (id, sequence, hash) VALUES (1, 0, repeat('0', 64));

CREATE FUNCTION core_audit_text(event core_auditevent) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT jsonb_build_array(event.sequence, extract(epoch FROM event.at), event.actor, event.door, event.action,
    event.environment, event.target, event.message, event.details, event.promotion, event.promotion_sequence,
    event.previous_hash)::text
$$;

CREATE FUNCTION core_audit_chain() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE head core_auditchain;
BEGIN
  -- The head is locked until commit: events are chained in the order in which they become visible.
  SELECT * INTO STRICT head FROM core_auditchain WHERE id = 1 FOR UPDATE;
  NEW.sequence := head.sequence + 1;
  NEW.at := clock_timestamp();
  NEW.previous_hash := head.hash;
  NEW.promotion_sequence := NULL;
  IF NEW.promotion IS NOT NULL THEN
    SELECT coalesce(max(promotion_sequence), 0) + 1 INTO NEW.promotion_sequence
      FROM core_auditevent WHERE promotion = NEW.promotion;
  END IF;
  NEW.hash := encode(sha256(convert_to(core_audit_text(NEW), 'UTF8')), 'hex');
  UPDATE core_auditchain SET sequence = NEW.sequence, hash = NEW.hash WHERE id = 1;
  RETURN NEW;
END $$;
CREATE TRIGGER core_audit_chain BEFORE INSERT ON core_auditevent FOR EACH ROW EXECUTE FUNCTION core_audit_chain();

CREATE FUNCTION core_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER core_audit_append_only BEFORE UPDATE OR DELETE ON core_auditevent
  FOR EACH ROW EXECUTE FUNCTION core_append_only();
CREATE TRIGGER core_audit_no_truncate BEFORE TRUNCATE ON core_auditevent
  FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();

CREATE FUNCTION core_audit_first_broken() RETURNS bigint LANGUAGE sql STABLE AS $$
  WITH chain AS (
    SELECT event.sequence, event.hash, event.previous_hash,
      encode(sha256(convert_to(core_audit_text(event), 'UTF8')), 'hex') AS computed,
      lag(event.hash, 1, repeat('0', 64)) OVER (ORDER BY event.sequence) AS before,
      row_number() OVER (ORDER BY event.sequence) AS place
    FROM core_auditevent event),
  broken AS (
    SELECT min(sequence) AS sequence FROM chain
      WHERE hash <> computed OR previous_hash <> before OR sequence <> place)
  SELECT coalesce(broken.sequence, CASE WHEN head.sequence <> (SELECT count(*) FROM core_auditevent)
      OR head.hash <> coalesce((SELECT hash FROM core_auditevent ORDER BY sequence DESC LIMIT 1), repeat('0', 64))
    THEN head.sequence END)
  FROM core_auditchain head, broken WHERE head.id = 1
$$;
"""

AUDIT_FOLLOWED = """
-- Follows at most `amount` events behind `place`, whose hash is `known`: where it came to, and the first that does not follow.
CREATE FUNCTION core_audit_follow(place bigint, known text, amount integer)
  RETURNS TABLE (reached bigint, reached_hash text, broken bigint) LANGUAGE sql STABLE AS $$
  WITH chain AS (
    SELECT (event).sequence, (event).hash, (event).previous_hash,
      encode(sha256(convert_to(core_audit_text(event), 'UTF8')), 'hex') AS computed,
      lag((event).hash, 1, known) OVER (ORDER BY (event).sequence) AS before,
      place + row_number() OVER (ORDER BY (event).sequence) AS expected
    FROM (SELECT event FROM core_auditevent event WHERE event.sequence > place
      ORDER BY event.sequence LIMIT amount) portion),
  reached AS (
    SELECT coalesce(max(chain.sequence), place) AS sequence, coalesce((array_agg(chain.hash ORDER BY chain.sequence DESC))[1], known) AS hash,
      count(*) AS found,
      min(chain.sequence) FILTER (WHERE chain.hash <> computed OR previous_hash <> before OR chain.sequence <> expected) AS broken
    FROM chain)
  SELECT reached.sequence, reached.hash, coalesce(reached.broken, CASE WHEN reached.found < amount
    AND (head.sequence <> reached.sequence OR head.hash <> reached.hash) THEN head.sequence END)
  FROM reached, core_auditchain head WHERE head.id = 1
$$;

CREATE FUNCTION core_audit_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('live', json_build_object('topic', 'audit', 'sequence', txid_current())::text);
  RETURN NULL;
END $$;
CREATE TRIGGER core_audit_tell AFTER INSERT ON core_auditevent FOR EACH STATEMENT EXECUTE FUNCTION core_audit_tell();
"""
