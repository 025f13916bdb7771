"""How often is the judgement right? Every incident with a truth file, and its mutations."""
