AUDIT (name positive_takings);

SELECT * FROM @this_model WHERE takings <= 0;
