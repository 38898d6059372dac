"""What exists: tables of environments, agents and experiments that name things and import none of them."""
