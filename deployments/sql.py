"""The SQL that migrations install: guards of promotions, approvals and releases."""

NUMBER = "CREATE SEQUENCE deployments_promotion_number START 1001;"

GUARDS = """
CREATE FUNCTION deployments_legal_move(was text, becomes text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT (was, becomes) IN (
    ('requested', 'awaiting_approval'), ('requested', 'queued'), ('requested', 'rejected'), ('requested', 'failed'),
    ('requested', 'superseded'), ('requested', 'canceled'),
    ('awaiting_approval', 'queued'), ('awaiting_approval', 'rejected'), ('awaiting_approval', 'expired'),
    ('awaiting_approval', 'superseded'), ('awaiting_approval', 'canceled'),
    ('queued', 'rendering'), ('queued', 'awaiting_approval'), ('queued', 'superseded'), ('queued', 'canceled'),
    ('rendering', 'committing'), ('rendering', 'failed'), ('rendering', 'paused'), ('rendering', 'canceling'),
    ('committing', 'syncing'), ('committing', 'failed'), ('committing', 'paused'), ('committing', 'canceling'),
    ('syncing', 'rolling_out'), ('syncing', 'failed'), ('syncing', 'paused'), ('syncing', 'canceling'),
    ('rolling_out', 'syncing'), ('rolling_out', 'committing'), ('rolling_out', 'verifying'),
    ('rolling_out', 'succeeded'), ('rolling_out', 'failed'), ('rolling_out', 'paused'), ('rolling_out', 'canceling'),
    ('verifying', 'succeeded'), ('verifying', 'failed'), ('verifying', 'paused'), ('verifying', 'canceling'),
    ('paused', 'rendering'), ('paused', 'committing'), ('paused', 'syncing'), ('paused', 'rolling_out'),
    ('paused', 'verifying'), ('paused', 'awaiting_approval'), ('paused', 'succeeded'), ('paused', 'failed'),
    ('paused', 'canceling'),
    ('canceling', 'canceled'), ('canceling', 'succeeded'), ('canceling', 'failed'), ('canceling', 'paused'))
$$;

CREATE FUNCTION deployments_guard_promotion() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.state <> OLD.state AND NOT deployments_legal_move(OLD.state, NEW.state) THEN
    RAISE EXCEPTION 'promotion %: % -> % is no legal move', OLD.number, OLD.state, NEW.state
      USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.fencing < OLD.fencing THEN
    RAISE EXCEPTION 'promotion %: the fencing number goes back', OLD.number USING ERRCODE = 'check_violation';
  END IF;
  IF (NEW.id, NEW.number, NEW.kind, NEW.environment_id, NEW.requested_by, NEW.created_at)
      IS DISTINCT FROM (OLD.id, OLD.number, OLD.kind, OLD.environment_id, OLD.requested_by, OLD.created_at)
      OR NEW.release_id IS DISTINCT FROM OLD.release_id THEN
    RAISE EXCEPTION 'promotion %: its identity never changes', OLD.number USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.commit <> '' AND NEW.commit <> OLD.commit THEN
    RAISE EXCEPTION 'promotion %: its commit is written once', OLD.number USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.state IN ('succeeded', 'failed', 'canceled', 'rejected', 'expired', 'superseded') THEN
    -- An end is an end; only the lease's own columns are still tidied up.
    NEW := jsonb_populate_record(OLD, jsonb_build_object('lease_until', NEW.lease_until, 'next_run_at', NEW.next_run_at));
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER deployments_guard_promotion BEFORE UPDATE ON deployments_promotion
  FOR EACH ROW EXECUTE FUNCTION deployments_guard_promotion();
CREATE TRIGGER deployments_keep_promotion BEFORE DELETE ON deployments_promotion
  FOR EACH ROW EXECUTE FUNCTION core_append_only();

CREATE FUNCTION deployments_release_is_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'release % never changes', OLD.version USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER deployments_release_is_immutable BEFORE UPDATE OR DELETE ON deployments_release
  FOR EACH ROW EXECUTE FUNCTION deployments_release_is_immutable();
"""

RESTORES = """
CREATE FUNCTION deployments_guard_restores() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    RAISE EXCEPTION 'promotion %: what it restores never changes', OLD.number USING ERRCODE = 'check_violation';
  END IF;
  IF NOT EXISTS (SELECT FROM deployments_promotion WHERE id = NEW.restores_id AND environment_id = NEW.environment_id
                 AND release_id = NEW.release_id AND state = 'succeeded') THEN
    RAISE EXCEPTION 'promotion %: it restores no success of its environment and release', NEW.number
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER deployments_guard_restores BEFORE INSERT ON deployments_promotion
  FOR EACH ROW WHEN (NEW.restores_id IS NOT NULL) EXECUTE FUNCTION deployments_guard_restores();
CREATE TRIGGER deployments_keep_restores BEFORE UPDATE ON deployments_promotion
  FOR EACH ROW WHEN (NEW.restores_id IS DISTINCT FROM OLD.restores_id) EXECUTE FUNCTION deployments_guard_restores();
"""

RESTORES_ANY = """
CREATE OR REPLACE FUNCTION deployments_guard_restores() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    RAISE EXCEPTION 'promotion %: what it restores never changes', OLD.number USING ERRCODE = 'check_violation';
  END IF;
  -- A change of the tenants' configuration has no release of its own: a rollback to it names the one that was live.
  IF NOT EXISTS (SELECT FROM deployments_promotion WHERE id = NEW.restores_id AND environment_id = NEW.environment_id
                 AND (release_id = NEW.release_id OR release_id IS NULL) AND state = 'succeeded') THEN
    RAISE EXCEPTION 'promotion %: it restores no success of its environment and release', NEW.number
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
"""

EVIDENCE = """
CREATE FUNCTION deployments_keep_evidence() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  own uuid;
BEGIN
  IF TG_OP = 'DELETE' THEN
    RAISE EXCEPTION 'evidence is never deleted' USING ERRCODE = 'restrict_violation';
  END IF;
  IF TG_TABLE_NAME = 'deployments_verification' THEN
    own := OLD.promotion_id;
  ELSE
    own := (SELECT promotion_id FROM deployments_verification WHERE id = OLD.verification_id);
  END IF;
  IF EXISTS (SELECT FROM deployments_promotion WHERE id = own
             AND state IN ('succeeded', 'failed', 'canceled', 'rejected', 'expired', 'superseded')) THEN
    RAISE EXCEPTION 'evidence of an ended promotion never changes' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER deployments_keep_verification BEFORE UPDATE OR DELETE ON deployments_verification
  FOR EACH ROW EXECUTE FUNCTION deployments_keep_evidence();
CREATE TRIGGER deployments_keep_evidence BEFORE UPDATE OR DELETE ON deployments_evidence
  FOR EACH ROW EXECUTE FUNCTION deployments_keep_evidence();
"""

COMMITS_BY_WAVE = """
CREATE OR REPLACE FUNCTION deployments_guard_promotion() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.state <> OLD.state AND NOT deployments_legal_move(OLD.state, NEW.state) THEN
    RAISE EXCEPTION 'promotion %: % -> % is no legal move', OLD.number, OLD.state, NEW.state
      USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.fencing < OLD.fencing THEN
    RAISE EXCEPTION 'promotion %: the fencing number goes back', OLD.number USING ERRCODE = 'check_violation';
  END IF;
  IF (NEW.id, NEW.number, NEW.kind, NEW.environment_id, NEW.requested_by, NEW.created_at)
      IS DISTINCT FROM (OLD.id, OLD.number, OLD.kind, OLD.environment_id, OLD.requested_by, OLD.created_at)
      OR NEW.release_id IS DISTINCT FROM OLD.release_id THEN
    RAISE EXCEPTION 'promotion %: its identity never changes', OLD.number USING ERRCODE = 'check_violation';
  END IF;
  -- Where waves commit one by one, a later wave brings its own; what was committed is never taken back.
  IF OLD.commit <> '' AND NEW.commit <> OLD.commit AND NOT (
      coalesce((OLD.plan ->> 'by_wave')::boolean, false) AND OLD.wave > 1 AND NEW.commit <> ''
      AND OLD.state IN ('committing', 'canceling')) THEN
    RAISE EXCEPTION 'promotion %: its commit is written once', OLD.number USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.state IN ('succeeded', 'failed', 'canceled', 'rejected', 'expired', 'superseded') THEN
    -- An end is an end; only the lease's own columns are still tidied up.
    NEW := jsonb_populate_record(OLD, jsonb_build_object('lease_until', NEW.lease_until, 'next_run_at', NEW.next_run_at));
  END IF;
  RETURN NEW;
END $$;
"""

APPROVALS = """
CREATE FUNCTION deployments_guard_approval() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE asked record;
BEGIN
  IF TG_OP = 'INSERT' THEN
    SELECT number, requester_id, render_digest INTO asked FROM deployments_promotion WHERE id = NEW.promotion_id;
    IF asked.requester_id IS NOT DISTINCT FROM NEW.person_id THEN
      RAISE EXCEPTION 'promotion %: nobody approves what they asked for', asked.number USING ERRCODE = 'check_violation';
    END IF;
    IF asked.render_digest <> NEW.digest THEN
      RAISE EXCEPTION 'promotion %: an approval is of its digest', asked.number USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
  END IF;
  IF OLD.voided_at IS NOT NULL OR NEW.voided_at IS NULL
      OR (to_jsonb(NEW) - 'voided_at' - 'voided_because') <> (to_jsonb(OLD) - 'voided_at' - 'voided_because') THEN
    RAISE EXCEPTION 'an approval never changes, it is only voided' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER deployments_guard_approval BEFORE INSERT OR UPDATE ON deployments_approval
  FOR EACH ROW EXECUTE FUNCTION deployments_guard_approval();
CREATE TRIGGER deployments_keep_approval BEFORE DELETE ON deployments_approval
  FOR EACH ROW EXECUTE FUNCTION core_append_only();

-- The second wall behind `selectors.approvals`: it knows nothing of roles, but nothing starts with too few words for its digest.
CREATE FUNCTION deployments_guard_start() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  needed integer;
  given integer;
BEGIN
  SELECT max(COALESCE((gate -> 'parameters' ->> 'required')::integer, 1)) INTO needed
    FROM catalog_environment AS place, jsonb_array_elements(place.gates) AS gate
    WHERE place.id = NEW.environment_id AND gate ->> 'name' = 'approvals';
  IF needed IS NULL OR NEW.is_emergency OR (NEW.kind = 'rollback' AND NEW.requested_door IN ('system', 'policy')) THEN
    RETURN NEW;
  END IF;
  SELECT count(DISTINCT person_id) INTO given FROM deployments_approval
    WHERE promotion_id = NEW.id AND decision = 'approve' AND voided_at IS NULL AND digest = NEW.render_digest;
  IF given < needed THEN
    RAISE EXCEPTION 'promotion %: started with % of % approvals', NEW.number, given, needed;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER deployments_guard_start BEFORE UPDATE ON deployments_promotion
  FOR EACH ROW WHEN (OLD.state = 'queued' AND NEW.state = 'rendering') EXECUTE FUNCTION deployments_guard_start();
"""

TOKEN_MAKERS = """
CREATE OR REPLACE FUNCTION deployments_guard_approval() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE asked record;
BEGIN
  IF TG_OP = 'INSERT' THEN
    SELECT number, requester_id, token_maker_id, render_digest INTO asked FROM deployments_promotion WHERE id = NEW.promotion_id;
    IF NEW.person_id IN (asked.requester_id, asked.token_maker_id) THEN
      RAISE EXCEPTION 'promotion %: nobody approves what they asked for', asked.number USING ERRCODE = 'check_violation';
    END IF;
    IF asked.render_digest <> NEW.digest THEN
      RAISE EXCEPTION 'promotion %: an approval is of its digest', asked.number USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
  END IF;
  IF OLD.voided_at IS NOT NULL OR NEW.voided_at IS NULL
      OR (to_jsonb(NEW) - 'voided_at' - 'voided_because') <> (to_jsonb(OLD) - 'voided_at' - 'voided_because') THEN
    RAISE EXCEPTION 'an approval never changes, it is only voided' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
"""
"""The first wall behind `services.approving`, since promotions know who made the token that asked."""
