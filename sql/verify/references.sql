-- Verify sdm:references on pg

BEGIN;

SELECT 1 / (count(*) = 5)::integer FROM pg_trigger
 WHERE tgname IN ('reservation_refers', 'reservation_history_refers', 'segment_refers_to_reservation',
                  'segment_refers_to_brick', 'segment_circuit_refers');

ROLLBACK;
