"""The SQL that migrations install: guards of tenants, references and sign-offs."""

SIGN_OFF_GUARD = """
CREATE OR REPLACE FUNCTION tenants_guard_sign_off() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.withdrawn_at IS NOT NULL OR (NEW.item_id, NEW."by", NEW.at, NEW.note, NEW.subject, NEW.snapshot, NEW.part_digest)
      IS DISTINCT FROM (OLD.item_id, OLD."by", OLD.at, OLD.note, OLD.subject, OLD.snapshot, OLD.part_digest) THEN
    RAISE EXCEPTION 'sign-off %: it never changes, it is withdrawn once', OLD.id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
"""

GUARDS = """
CREATE FUNCTION tenants_guard_tenant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.slug <> OLD.slug THEN
    RAISE EXCEPTION 'tenant %: its slug never changes', OLD.slug USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
      ('onboarding', 'active'), ('onboarding', 'offboarded'), ('active', 'suspended'), ('active', 'offboarded'),
      ('suspended', 'active'), ('suspended', 'offboarded'), ('offboarded', 'onboarding')) THEN
    RAISE EXCEPTION 'tenant %: % -> % is no legal move', OLD.slug, OLD.state, NEW.state USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER tenants_guard_tenant BEFORE UPDATE ON tenants_tenant FOR EACH ROW EXECUTE FUNCTION tenants_guard_tenant();
CREATE TRIGGER tenants_keep_tenant BEFORE DELETE ON tenants_tenant FOR EACH ROW EXECUTE FUNCTION core_append_only();

CREATE TRIGGER tenants_version_is_immutable BEFORE UPDATE OR DELETE ON tenants_referenceversion
  FOR EACH ROW EXECUTE FUNCTION core_append_only();
CREATE TRIGGER tenants_change_is_immutable BEFORE UPDATE OR DELETE ON tenants_itemchange
  FOR EACH ROW EXECUTE FUNCTION core_append_only();

CREATE FUNCTION tenants_guard_reference() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND (NEW.tenant_id, NEW.environment_id, NEW.key) IS DISTINCT FROM (OLD.tenant_id, OLD.environment_id, OLD.key) THEN
    RAISE EXCEPTION 'reference %: its identity never changes', OLD.id USING ERRCODE = 'check_violation';
  END IF;
  -- What is newest, promoted or verified is a version of this very reference.
  IF EXISTS (SELECT FROM tenants_referenceversion WHERE id IN (NEW.newest_id, NEW.promoted_id, NEW.verified_version_id)
             AND reference_id <> NEW.id) THEN
    RAISE EXCEPTION 'reference %: that version is of another reference', NEW.id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER tenants_guard_reference BEFORE INSERT OR UPDATE ON tenants_credentialreference
  FOR EACH ROW EXECUTE FUNCTION tenants_guard_reference();

CREATE TRIGGER tenants_guard_sign_off BEFORE UPDATE ON tenants_signoff FOR EACH ROW EXECUTE FUNCTION tenants_guard_sign_off();
CREATE TRIGGER tenants_keep_sign_off BEFORE DELETE ON tenants_signoff FOR EACH ROW EXECUTE FUNCTION core_append_only();

CREATE FUNCTION tenants_guard_item() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.sign_off_id IS NOT NULL AND NOT EXISTS (
      SELECT FROM tenants_signoff WHERE id = NEW.sign_off_id AND item_id = NEW.id AND withdrawn_at IS NULL) THEN
    RAISE EXCEPTION 'item %: that sign-off is withdrawn, or of another item', NEW.id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER tenants_guard_item BEFORE INSERT OR UPDATE OF sign_off_id ON tenants_checklistitem
  FOR EACH ROW EXECUTE FUNCTION tenants_guard_item();
"""
