-- The ledger as people read it: amounts and prices as decimals, times as text.

CREATE VIEW v_bets AS
SELECT o.run_id,
       o.record,
       o.id AS bet,
       strftime('%Y-%m-%dT%H:%M:%fZ', o.requested_at_ms / 1000.0, 'unixepoch') AS asked_at,
       r.name AS recording,
       o.strategy,
       o.market,
       o.selection || CASE o.handicap_hundredths WHEN 0 THEN ''
                      ELSE printf('@%g', o.handicap_hundredths / 100.0) END AS runner,
       o.side,
       o.type,
       o.price,
       printf('%.2f', coalesce(o.size_minor, o.liability_minor) / 100.0) AS size,
       printf('%.2f', o.matched_minor / 100.0) AS matched,
       o.average_price,
       o.state,
       iif(o.profit_minor IS NULL, NULL, printf('%.2f', o.profit_minor / 100.0)) AS profit,
       i.reason,
       i.probability,
       i.tag,
       i.sequence,
       i.seen_back_price || ' x ' || printf('%.2f', i.seen_back_size_minor / 100.0) AS seen_back,
       i.seen_lay_price || ' x ' || printf('%.2f', i.seen_lay_size_minor / 100.0) AS seen_lay,
       i.seen_last_traded AS seen_last,
       i.script_hash,
       o.venue_reason
  FROM orders o
  JOIN intents i ON i.run_id = o.run_id AND i.id = o.id
  JOIN recordings r ON r.run_id = o.run_id AND r.ordinal = o.recording;

CREATE VIEW v_rejections AS
SELECT i.run_id,
       i.record,
       i.id AS intent,
       strftime('%Y-%m-%dT%H:%M:%fZ', i.at_ms / 1000.0, 'unixepoch') AS asked_at,
       r.name AS recording,
       i.strategy,
       i.market,
       i.selection || CASE i.handicap_hundredths WHEN 0 THEN ''
                      ELSE printf('@%g', i.handicap_hundredths / 100.0) END AS runner,
       i.action,
       i.side,
       i.type,
       i.price,
       iif(coalesce(i.size_minor, i.liability_minor) IS NULL, NULL,
           printf('%.2f', coalesce(i.size_minor, i.liability_minor) / 100.0)) AS size,
       i.code,
       i.code_value AS value,
       i.code_limit AS "limit",
       coalesce(i.problem, i.reason) AS reason,
       i.seen_back_price AS seen_back,
       i.seen_lay_price AS seen_lay,
       i.script_hash
  FROM intents i
  JOIN recordings r ON r.run_id = i.run_id AND r.ordinal = i.recording
 WHERE i.verdict = 'REFUSED';

-- One line for each strategy of each run; commission is taken from each market's net winnings.
CREATE VIEW v_pnl AS
SELECT s.run_id,
       s.strategy,
       (SELECT count(*) FROM orders o
         WHERE o.run_id = s.run_id AND o.strategy = s.strategy) AS bets,
       (SELECT count(*) FROM orders o
         WHERE o.run_id = s.run_id AND o.strategy = s.strategy AND o.matched_minor > 0) AS matched,
       (SELECT printf('%.2f', coalesce(sum(o.matched_minor), 0) / 100.0) FROM orders o
         WHERE o.run_id = s.run_id AND o.strategy = s.strategy) AS turnover,
       (SELECT printf('%.2f', coalesce(sum(t.gross_minor), 0) / 100.0) FROM settlements t
         WHERE t.run_id = s.run_id AND t.strategy = s.strategy) AS gross,
       (SELECT printf('%.2f', coalesce(sum(t.commission_minor), 0) / 100.0) FROM settlements t
         WHERE t.run_id = s.run_id AND t.strategy = s.strategy) AS commission,
       (SELECT printf('%.2f', coalesce(sum(t.net_minor), 0) / 100.0) FROM settlements t
         WHERE t.run_id = s.run_id AND t.strategy = s.strategy) AS net,
       (SELECT count(*) FROM intents i
         WHERE i.run_id = s.run_id AND i.strategy = s.strategy AND i.verdict = 'REFUSED') AS rejections
  FROM (SELECT DISTINCT run_id, strategy FROM run_scripts) s;
