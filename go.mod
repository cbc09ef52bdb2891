module github.com/redoubt-kms/redoubt

go 1.26
