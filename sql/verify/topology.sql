-- Verify sdm:topology on pg

BEGIN;

SELECT device_no, id, kind, capacity_bytes, module, want_generation, have_generation, usable, serves
  FROM sdm.device WHERE false;
SELECT device_no, port, link_no, side FROM sdm.port WHERE false;
SELECT vm, compute_no, project FROM sdm.vm WHERE false;
SELECT t.rack_no, r.id FROM sdm.tray t JOIN sdm.rack r USING (rack_no) WHERE false;
SELECT segment_unit_bytes FROM sdm.pod WHERE false;

ROLLBACK;
