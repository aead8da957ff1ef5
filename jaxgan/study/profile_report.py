def write_profile_report(folder):
    pass
