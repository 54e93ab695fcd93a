"""What everything else is made of: data, units, random streams, schedules, and the one acceptance formula."""
