"""What a core takes of an ECP5, as a function of its configuration: fitted to synthesis, without running one."""
